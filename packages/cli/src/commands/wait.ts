import { UnsupportedError } from 'server-events'
import { withEvents } from '../connect'
import type { Target } from '../connect'
import { Exit, exitCodes } from '../exit'
import { json, line, printable } from '../output'

export interface WaitFlags extends Target {
  readonly timeout: number
  readonly recall: boolean
}

/** Resolves when the event came. Rejects as the wait does. */
export async function wait(name: string, id: string, flags: WaitFlags): Promise<void> {
  const { timeout, recall } = flags
  // Any duration: where a process waits, `keep` only makes it look for what is kept.
  const options = recall ? { keep: timeout } : {}
  const args = await withEvents(flags, options, (events) => events.on(name, id, { timeout, recall })).catch(
    (error: unknown) => {
      if (!recall || !(error instanceof UnsupportedError)) throw error
      throw new Exit(exitCodes.bad, `${error.message}; or wait with --no-recall`)
    },
  )
  printArgs(name, id, args, flags)
}

/** A line of JSON for each argument, or one object for programs. */
export function printArgs(event: string, id: string, args: readonly unknown[], flags: Target): void {
  if (flags.json) return json({ event, id, args })
  for (const each of args) line(printable(JSON.stringify(each)))
}
