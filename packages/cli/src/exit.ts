/** What the process ends with. */
export const exitCodes = {
  /** Done; a doctor that has nothing worse than warnings to tell. */
  ok: 0,
  /** Something is bad, could not be reached, or failed. */
  bad: 1,
  /** The command line is not understood, or lacks something; nothing was done. */
  usage: 2,
  /** Nothing came in time. */
  timeout: 3,
} as const

/** One of the four. */
export type ExitCode = (typeof exitCodes)[keyof typeof exitCodes]

/** Ends a command; the message is for people and holds no secret. */
export class Exit extends Error {
  readonly exitCode: ExitCode

  constructor(exitCode: ExitCode, message: string) {
    super(message)
    this.exitCode = exitCode
  }
}

export function usage(message: string): Exit {
  return new Exit(exitCodes.usage, message)
}
