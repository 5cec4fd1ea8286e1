/** Values looked at; of args with more, no message is told. */
const MOST_VALUES = 1000
const LONGEST_MESSAGE = 200
/** A longer one is not read at all: to search it for every value would take its sender's word for how long. */
const LONGEST_READ = 2000
const UNSAID = '…'

/**
 * Takes the values of args out of messages that a schema library made of them, since some libraries
 * repeat them ("received "hunter2"", "was 4711"). What a message makes of a value itself, a user's
 * own text that holds half of it for example, cannot be known here.
 *
 * The args are walked once, however many messages there are: their sender chooses both.
 */
export class Redaction {
  readonly #args: unknown
  /** Longest first; undefined when there are too many, or when one cannot be read. */
  #values: readonly string[] | undefined
  #walked = false

  constructor(args: unknown) {
    this.#args = args
  }

  /** The message without the values of the args. */
  of(message: string): string {
    const values = this.#collected()
    if (values === undefined || message.length > LONGEST_READ) return 'not valid'
    let told = message
    for (const value of values) {
      if (told.includes(value)) told = told.replace(wholeWord(value), UNSAID)
    }
    return told.length > LONGEST_MESSAGE ? `${told.slice(0, LONGEST_MESSAGE)}${UNSAID}` : told
  }

  #collected(): readonly string[] | undefined {
    if (this.#walked) return this.#values
    this.#walked = true
    const walk = new Walk()
    try {
      walk.visit(this.#args)
    } catch {
      // A getter or a toJSON of the user's throws, or it is nested deeper than the stack.
      return undefined
    }
    if (walk.left >= 0) this.#values = [...walk.values].sort((a, b) => b.length - a.length)
    return this.#values
  }
}

/** Visits a bounded number of values, equal ones each time. */
class Walk {
  readonly values = new Set<string>()
  /** Below 0 once there were too many. */
  left = MOST_VALUES
  readonly #seen = new Set<object>()

  visit(value: unknown): void {
    if (--this.left < 0) return
    if (typeof value === 'string') {
      // A longer one than the longest message is in none.
      if (value.length <= LONGEST_READ) this.#add(value, JSON.stringify(value).slice(1, -1))
    } else if (typeof value === 'number' || typeof value === 'bigint' || typeof value === 'boolean') {
      this.#add(String(value))
    } else if (typeof value === 'object' && value !== null && !this.#seen.has(value)) {
      this.#seen.add(value)
      if (value instanceof Date) this.#add(String(value), JSON.stringify(value).replaceAll('"', ''))
      this.#visitParts(value)
    }
  }

  #visitParts(value: object): void {
    if (value instanceof Map) {
      for (const [key, part] of value) {
        if (this.left < 0) return
        this.visit(key)
        this.visit(part)
      }
      return
    }
    for (const part of value instanceof Set ? value : Object.values(value)) {
      if (this.left < 0) return
      this.visit(part)
    }
  }

  #add(...texts: readonly string[]): void {
    for (const text of texts) if (text !== '') this.values.add(text)
  }
}

/** Where it is not part of a longer word: a value "a" must not empty every message. */
function wholeWord(value: string): RegExp {
  const escaped = value.replaceAll(/[\\^$.*+?()[\]{}|]/g, '\\$&')
  return new RegExp(`(?<![\\p{L}\\p{N}_])${escaped}(?![\\p{L}\\p{N}_])`, 'gu')
}
