/** `host:port`, of a node as we reach it. */
export type Address = string

/** Where an announced address is reached from here, as in ioredis. */
export type NatMap =
  | ((address: Address) => { host: string; port: number } | null | undefined)
  | Readonly<Record<Address, { host: string; port: number }>>

const SLOTS = 16_384

export function addressOf(host: string, port: number): Address {
  return `${host}:${port}`
}

export function endpointOf(address: Address): { host: string; port: number } {
  const colon = address.lastIndexOf(':')
  return { host: address.slice(0, colon), port: Number(address.slice(colon + 1)) }
}

/** Which nodes a Cluster has, and which master owns which slot, as far as we were told. */
export class ClusterMap {
  private seeds: readonly Address[] = []
  private natMap: NatMap | undefined
  private readonly owners = new Array<Address | undefined>(SLOTS)
  private masters = new Set<Address>()
  private members = new Set<Address>()

  /** What the user gave. */
  plant(seeds: readonly Address[], natMap: NatMap | undefined): void {
    this.seeds = seeds
    this.natMap = natMap
  }

  get isEmpty(): boolean {
    return this.members.size === 0
  }

  ownerOf(slot: number): Address | undefined {
    return this.owners[slot]
  }

  isMaster(address: Address): boolean {
    return this.masters.has(address)
  }

  isMember(address: Address): boolean {
    return this.members.has(address)
  }

  /**
   * Takes over the answer to CLUSTER SLOTS of the node at `from`. False, and nothing is learnt, if
   * that node knows of no slots: it is no member, or not any more.
   */
  learn(answer: unknown, from: Address): boolean {
    const ranges = Array.isArray(answer) ? (answer as unknown[]).flatMap((range) => this.rangeOf(range, from)) : []
    if (ranges.length === 0) return false
    this.owners.fill(undefined)
    this.masters = new Set(ranges.map(({ nodes: [master] }) => master as Address))
    this.members = new Set(ranges.flatMap(({ nodes }) => nodes))
    for (const { first, last, nodes } of ranges) this.owners.fill(nodes[0], first, last + 1)
    return true
  }

  /** A node at `from` said that the slot is at `announced`. */
  moved(slot: number, announced: Address, from: Address): void {
    const owner = this.reach(announced, from)
    this.owners[slot] = owner
    this.masters.add(owner)
    this.members.add(owner)
  }

  /** How an announced address is reached; without a host it is that of who announced it. */
  reach(announced: Address, from: Address): Address {
    const { host, port } = endpointOf(announced)
    const address = addressOf(host === '' || host === '?' ? endpointOf(from).host : host, port)
    const mapped = typeof this.natMap === 'function' ? this.natMap(address) : this.natMap?.[address]
    return mapped ? addressOf(mapped.host, mapped.port) : address
  }

  /** A node that was not tried yet, of the known ones if there are any; when all were, the round begins anew. */
  pick(tried: Set<Address>): Address {
    const fresh = (addresses: Iterable<Address>): Address[] => [...addresses].filter((one) => !tried.has(one))
    let candidates = fresh(this.members)
    if (candidates.length === 0) candidates = fresh(this.seeds)
    if (candidates.length === 0) {
      tried.clear()
      candidates = [...(this.isEmpty ? this.seeds : this.members)]
    }
    const address = candidates[Math.floor(Math.random() * candidates.length)] as Address
    tried.add(address)
    return address
  }

  private rangeOf(range: unknown, from: Address): { first: number; last: number; nodes: Address[] }[] {
    if (!Array.isArray(range)) return []
    const [first, last, ...announced] = range as unknown[]
    const nodes = announced.flatMap((node) => {
      const [host, port] = Array.isArray(node) ? (node as unknown[]) : []
      return typeof port === 'number' ? [this.reach(addressOf(typeof host === 'string' ? host : '', port), from)] : []
    })
    return typeof first === 'number' && typeof last === 'number' && nodes.length > 0 ? [{ first, last, nodes }] : []
  }
}

/** CRC16 as in XMODEM. */
const CRC = Uint16Array.from({ length: 256 }, (_, byte) => {
  let crc = byte << 8
  for (let bit = 0; bit < 8; bit++) crc = crc & 0x8000 ? (crc << 1) ^ 0x1021 : crc << 1
  return crc
})

/** Of the whole key or, if it has one that is not empty, of its first {tag}. */
export function slotOf(key: string): number {
  const open = key.indexOf('{')
  const close = open < 0 ? -1 : key.indexOf('}', open)
  const hashed = close > open + 1 ? key.slice(open + 1, close) : key
  let crc = 0
  for (const byte of Buffer.from(hashed)) crc = ((crc << 8) & 0xffff) ^ (CRC[(crc >> 8) ^ byte] as number)
  return crc % SLOTS
}
