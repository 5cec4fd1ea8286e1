import { createInterface } from 'node:readline/promises'
import { serverOf, withEvents } from '../connect'
import type { Target } from '../connect'
import { Exit, exitCodes, usage } from '../exit'
import { json, line, printable } from '../output'
import { printArgs } from './wait'

/** Only to be allowed to ask: nothing is stored by it. */
const looking = { keep: 1 }

/** Prints what is kept. Rejects if there is nothing, and with a failure that is kept. */
export async function peek(name: string, id: string, flags: Target): Promise<void> {
  const args = await withEvents({ ...flags, quiet: true }, looking, (events) => events.peek(name, id))
  if (args === undefined) {
    if (!flags.json) throw new Exit(exitCodes.bad, `nothing is kept of event ${JSON.stringify(name)} with id ${JSON.stringify(id)}`) // prettier-ignore
    json({ event: name, id, kept: false })
    throw new Exit(exitCodes.bad, '')
  }
  printArgs(name, id, args, flags)
}

export interface ForgetFlags extends Target {
  readonly yes?: boolean
}

/** Removes what is kept, when whoever sits there has said yes. */
export async function forget(name: string, id: string, flags: ForgetFlags): Promise<void> {
  const { place } = serverOf(flags)
  const what = `what is kept at ${place} of event ${JSON.stringify(name)} with id ${JSON.stringify(id)}`
  if (!flags.yes && !(await agreed(`Forget ${what}? Who waits later will not find it. [y/N] `)))
    throw new Exit(exitCodes.bad, 'nothing was forgotten: answer y, or give --yes')
  await withEvents({ ...flags, quiet: true }, looking, (events) => events.forget(name, id))
  if (flags.json) json({ event: name, id, forgotten: true })
  else line(printable(`forgotten: ${what}`))
}

/**
 * The end of the input is no. @throws Exit (usage) where nobody reads the question or can answer it: a script would wait
 * for ever for a pipe that stays open and says nothing.
 */
async function agreed(question: string): Promise<boolean> {
  if (!process.stdin.isTTY || !process.stderr.isTTY)
    throw usage('forget asks first, and here is no terminal to ask at: give --yes')
  const reader = createInterface({ input: process.stdin, output: process.stderr })
  try {
    const closed = new Promise<string>((resolve) => reader.once('close', () => resolve('')))
    return /^y(es)?$/i.test((await Promise.race([reader.question(printable(question)), closed])).trim())
  } finally {
    reader.close()
  }
}
