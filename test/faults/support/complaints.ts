import { inspect } from 'node:util'
import { ServerEventsError } from 'server-events'

/** What no error may show. */
export const password = 'passw0rd-secret'
export const payload = 'payl0ad-secret'

/** Of each code the first so many are looked at, then one of so many: to look at all would take longer than the faults. */
const first = 1_000
const oneOf = 20

/** Every error that a user would have got to see, whether rejected or told. */
export class Complaints {
  /** How many there were of each code. */
  readonly counts = new Map<string, number>()
  readonly leaks = new Set<string>()
  readonly strangers = new Set<string>()
  readonly #seen = new WeakSet<Error>()

  /** Returns the error's code. */
  add(error: unknown): string {
    const code = error instanceof ServerEventsError ? error.code : 'none'
    const count = (this.counts.get(code) ?? 0) + 1
    this.counts.set(code, count)
    if (!(error instanceof ServerEventsError)) this.strangers.add(inspect(error))
    else if (!this.#seen.has(error) && (count <= first || count % oneOf === 0)) {
      this.#seen.add(error)
      this.#look(error)
    }
    return code
  }

  #look(error: Error): void {
    const shown = `${inspect(error, { depth: 12, showHidden: true })}${JSON.stringify(error)}${error.stack}`
    for (const secret of [password, payload]) if (shown.includes(secret)) this.leaks.add(`${secret} in ${error.name}`)
    if (error.cause instanceof Error) this.#look(error.cause)
  }
}
