import { checkOf, digits } from '../home'

/** Random bytes are asked for many ids at a time: one call for an id costs more than the rest of it. */
const pool = new Uint8Array(22 * 256)
let used = pool.length

/** Six random bits a character. */
const RANDOM_CHARS = 22
const RANDOM_CHARS_OF_LABEL = 8

/** Makes the ids of one instance: nobody can guess them, and where there are homes all of them have one. */
export class Ids {
  readonly #hasHome: boolean
  #suffix: string | undefined
  /** An id to be, in one piece: one put together of strings would be copied when it becomes a key. */
  #text = Buffer.alloc(RANDOM_CHARS)

  constructor(hasHome: boolean) {
    this.#hasHome = hasHome
  }

  create(): string {
    if (this.#hasHome && this.#suffix === undefined) this.#settle()
    randomInto(this.#text, RANDOM_CHARS)
    return this.#text.toString('latin1')
  }

  /** Whether it was made here. */
  isOwn(id: string): boolean {
    return this.#suffix !== undefined && id.endsWith(this.#suffix)
  }

  /** What ids of this instance end with, if it has a home: `~` and the home's label. */
  get suffix(): string {
    return this.#suffix ?? this.#settle()
  }

  /** Not before somebody needs it: most instances have none. */
  #settle(): string {
    const label = Buffer.alloc(RANDOM_CHARS_OF_LABEL)
    randomInto(label, RANDOM_CHARS_OF_LABEL)
    const text = label.toString('latin1')
    this.#suffix = `~${text}${checkOf(text)}`
    this.#text = Buffer.from(' '.repeat(RANDOM_CHARS) + this.#suffix, 'latin1')
    return this.#suffix
  }
}

/** Fills its beginning with random characters of base64url. */
function randomInto(text: Buffer, length: number): void {
  if (used + length > pool.length) {
    crypto.getRandomValues(pool)
    used = 0
  }
  for (let at = 0; at < length; at++) text[at] = digits[(pool[used + at] as number) & 63] as number
  // What was given away does not stay in memory for the next reader of the pool.
  pool.fill(0, used, used + length)
  used += length
}
