import { isPort } from './announced'
import type { Announced } from './announced'

/** `host:port`, of a node as we reach it. */
export type Address = string

/** Where an announced address is reached from here, as in ioredis. */
export type NatMap =
  | ((address: Address) => { host: string; port: number } | null | undefined)
  | Readonly<Record<Address, { host: string; port: number }>>

/** A node that we are connected to. */
export interface Place {
  /** As we reached it: of a seed, that may be another text than the one it is told of by. */
  readonly address: Address
  /** What it calls itself; `undefined` if it does not say. */
  readonly id: string | undefined
}

export function isSameNode(one: Place, other: Place): boolean {
  return one.id !== undefined && other.id !== undefined ? one.id === other.id : one.address === other.address
}

const SLOTS = 16_384

export function addressOf(host: string, port: number): Address {
  return `${host}:${port}`
}

export function endpointOf(address: Address): { host: string; port: number } {
  const colon = address.lastIndexOf(':')
  return { host: address.slice(0, colon), port: Number(address.slice(colon + 1)) }
}

/** Which nodes a Cluster has, and which master owns which slot, as far as we were told. */
export class Topology {
  #seeds: readonly Address[] = []
  #natMap: NatMap | undefined
  readonly #owners = new Array<Address | undefined>(SLOTS)
  #masters = new Set<Address>()
  #members = new Map<Address, string | undefined>()
  /** The members by their ids. */
  #addresses = new Map<string, Address>()
  /** Where a text leads to that is no address: `?:6379`, say. */
  #unclear = new Map<string, Address>()

  /** What the user gave. */
  plant(seeds: readonly Address[], natMap: NatMap | undefined): void {
    this.#seeds = seeds
    this.#natMap = natMap
  }

  get isEmpty(): boolean {
    return this.#members.size === 0
  }

  get seeds(): readonly Address[] {
    return this.#seeds
  }

  get members(): readonly Address[] {
    return [...this.#members.keys()]
  }

  ownerOf(slot: number): Address | undefined {
    return this.#owners[slot]
  }

  isMaster(address: Address): boolean {
    return this.#masters.has(address)
  }

  /** By its id, if both sides say it: one node has several addresses, and may get another one. */
  isMember({ address, id }: Place): boolean {
    return (id !== undefined && this.#addresses.has(id)) || this.isKnown(address)
  }

  /** Whether a member is told of by this text. */
  isKnown(address: Address): boolean {
    return this.#members.has(address)
  }

  idAt(address: Address): string | undefined {
    return this.#members.get(address)
  }

  /** How the node is told of by the others. */
  addressOf(id: string | undefined): Address | undefined {
    return id === undefined ? undefined : this.#addresses.get(id)
  }

  /**
   * Takes over what the node at `from` said of slots. False, and nothing is learnt, if it knows of
   * none: it is no member, or not any more.
   */
  learn(ranges: readonly Announced[], from: Address): boolean {
    if (ranges.length === 0) return false
    this.#owners.fill(undefined)
    this.#masters = new Set()
    this.#members = new Map()
    this.#addresses = new Map()
    this.#unclear = new Map()
    for (const { first, last, nodes } of ranges) {
      const addresses = nodes.map(({ host, port, id, ip }) => {
        const address = this.#reach(host === '?' ? (ip ?? '') : host, port, from)
        this.#members.set(address, id)
        if (id !== undefined) this.#addresses.set(id, address)
        if (host === '' || host === '?') this.#unclear.set(addressOf(host, port), address)
        return address
      })
      this.#masters.add(addresses[0] as Address)
      this.#owners.fill(addresses[0], first, last + 1)
    }
    return true
  }

  /** A node at `from` said that the slot is at `announced`. False if that is no address. */
  moved(slot: number, announced: string, from: Address): boolean {
    const owner = this.reach(announced, from)
    if (owner === undefined) return false
    this.#owners[slot] = owner
    this.#masters.add(owner)
    if (!this.#members.has(owner)) this.#members.set(owner, undefined)
    return true
  }

  /** How an announced address is reached; `undefined` if it is none. */
  reach(announced: string, from: Address): Address | undefined {
    const { host, port } = endpointOf(announced)
    if (!isPort(port)) return undefined
    return this.#unclear.get(announced) ?? this.#reach(host === '?' ? '' : host, port, from)
  }

  /** Without a host it is that of who announced it. */
  #reach(host: string, port: number, from: Address): Address {
    const address = addressOf(host === '' ? endpointOf(from).host : host, port)
    const mapped = typeof this.#natMap === 'function' ? this.#natMap(address) : this.#natMap?.[address]
    return mapped ? addressOf(mapped.host, mapped.port) : address
  }
}

/** CRC16 as in XMODEM. */
const crcTable = Uint16Array.from({ length: 256 }, (_, byte) => {
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
  for (const byte of Buffer.from(hashed)) crc = ((crc << 8) & 0xffff) ^ (crcTable[(crc >> 8) ^ byte] as number)
  return crc % SLOTS
}
