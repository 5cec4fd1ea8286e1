import { isIP } from 'node:net'

/** One server of those that may be connected to. */
export interface Server {
  /** As the client takes it. */
  readonly address: string
  /** What its certificate says, if the address does not. */
  readonly servername: string | undefined
}

/**
 * The servers that were given, and those that a server has told of: a client that does not repair
 * itself forgets them. Each attempt goes to the next one.
 */
export class Servers {
  readonly #given: readonly string[]
  #told: readonly Server[] = []
  #queue: Server[] = []

  constructor(given: readonly string[], shuffled: boolean) {
    this.#given = shuffled ? shuffle(given) : given
  }

  /** Where the next attempt goes to; the one that comes after it is another one. */
  next(): Server {
    if (this.#queue.length === 0) this.#queue = this.#all()
    return this.#queue.shift() as Server
  }

  /** For people: where it may connect to. */
  get places(): string {
    return this.#given.map(placeOf).join(', ')
  }

  /** What a server says of its cluster; `undefined` if it says nothing. */
  learn(from: Server, addresses: readonly string[] | undefined): void {
    // A name that an address was reached by is what a certificate of its cluster says.
    const host = hostOf(from.address)
    const servername = isIP(host) === 0 ? host : from.servername
    const given = new Set(this.#given.map(placeOf))
    this.#told = (addresses ?? [])
      .filter((address) => !given.has(address))
      .map((address) => ({ address, servername: isIP(hostOf(address)) === 0 ? undefined : servername }))
    const here = placeOf(from.address)
    this.#queue = this.#all().filter(({ address }) => placeOf(address) !== here)
  }

  #all(): Server[] {
    return [...this.#given.map((address) => ({ address, servername: undefined })), ...this.#told]
  }
}

/** Host and port. */
export function placeOf(address: string): string {
  return address.replace(/^[a-z]+:\/\//i, '')
}

function hostOf(address: string): string {
  return placeOf(address)
    .replace(/:\d+$/, '')
    .replace(/^\[(.*)\]$/, '$1')
}

function shuffle<T>(all: readonly T[]): T[] {
  return all
    .map((one) => ({ one, key: Math.random() }))
    .sort((one, other) => one.key - other.key)
    .map(({ one }) => one)
}
