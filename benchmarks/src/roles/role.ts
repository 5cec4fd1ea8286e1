/**
 * What a process of the benchmark does: begins its task and resolves with what handles each message that comes later.
 * `tell` sends to who measures.
 */
export type Role<Task, Message = never> = (
  task: Task,
  tell: (answer: unknown) => void,
) => Promise<(message: Message) => void>

/** User and system time of this process, in ms; since `before`, if that is given. */
export function cpu(before?: NodeJS.CpuUsage): number {
  const { user, system } = process.cpuUsage(before)
  return (user + system) / 1000
}
