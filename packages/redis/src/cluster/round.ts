import type { Address, Topology } from './topology'

/**
 * Which node comes next, for one side: one that was not tried since the last one that stood.
 * Members and seeds take turns. Members are known to be nodes, but if all of them got new
 * addresses only a seed leads back.
 */
export class Round {
  readonly #map: Topology
  readonly #tried = new Set<Address>()
  /** The one that stood last, under its names. */
  #last = new Set<Address>()
  #seedsTurn = false
  #tries = 0

  constructor(map: Topology) {
    this.#map = map
  }

  /** It was a good choice; once it is lost, any other one comes first. */
  stood(...names: readonly (Address | undefined)[]): void {
    this.#last = new Set(names.filter((name) => name !== undefined))
    this.#tried.clear()
    this.#seedsTurn = false
    this.#tries = 0
  }

  /** Whether every node may have had its chance since one stood: then none is quick, or none is there. */
  get isOver(): boolean {
    return this.#tries > this.#map.members.length + this.#map.seeds.length
  }

  next(): Address {
    const { members } = this.#map
    // One that is told of comes as a member.
    const seeds = this.#map.seeds.filter((seed) => !this.#map.isKnown(seed))
    this.#tries++
    const seedsTurn = this.#seedsTurn
    this.#seedsTurn = !seedsTurn
    // Few, and perhaps the only ones that are right: they do not wait until all members were tried.
    if (seedsTurn && this.#fresh(seeds).length === 0) for (const seed of seeds) this.#tried.delete(seed)
    const pools = seedsTurn ? [seeds, members] : [members, seeds]
    const fresh = (): readonly Address[] =>
      pools.map((pool) => this.#fresh(pool)).find(({ length }) => length > 0) ?? []
    let candidates = fresh()
    if (candidates.length === 0) {
      // All others were tried.
      this.#last.clear()
      candidates = fresh()
    }
    if (candidates.length === 0) {
      this.#tried.clear()
      candidates = fresh()
    }
    const address = candidates[Math.floor(Math.random() * candidates.length)] as Address
    this.#tried.add(address)
    return address
  }

  #fresh(addresses: readonly Address[]): readonly Address[] {
    return addresses.filter((one) => !this.#tried.has(one) && !this.#last.has(one))
  }
}
