/*
 * What a node says of its Cluster. Numbers may be texts (`stringNumbers`), and maps may be flat
 * lists or objects (RESP3, `replyMapping`).
 */

/** A node as another one tells of it. */
interface AnnouncedNode {
  /** `''` for that of who tells, `'?'` if it has none of the kind that is preferred. */
  readonly host: string
  readonly port: number
  readonly id: string | undefined
  /** Its IP address, where `host` is something else. */
  readonly ip: string | undefined
}

/** Slots, and the nodes that have them, the master first. */
export interface Announced {
  readonly first: number
  readonly last: number
  readonly nodes: readonly AnnouncedNode[]
}

/** The answer to CLUSTER SLOTS; what cannot be read of it is left out. */
export function readSlots(answer: unknown): Announced[] {
  return listOf(answer).flatMap((range) => {
    const [from, to, ...others] = listOf(range)
    const [first, last] = [Number(from), Number(to)]
    const nodes = others.flatMap(readNode)
    const isRange = Number.isInteger(first) && Number.isInteger(last) && first >= 0 && last >= first
    return isRange && nodes.length > 0 ? [{ first, last, nodes }] : []
  })
}

function readNode(node: unknown): AnnouncedNode[] {
  const [host, given, id, more] = listOf(node)
  const port = Number(given)
  if (!isPort(port)) return []
  return [
    {
      host: typeof host === 'string' ? host : '',
      port,
      id: typeof id === 'string' && id !== '' ? id : undefined,
      ip: ipOf(more),
    },
  ]
}

function ipOf(more: unknown): string | undefined {
  const list = Array.isArray(more) ? (more as unknown[]) : Object.entries(more ?? {}).flat()
  const ip: unknown = list[list.indexOf('ip') + 1]
  return list.includes('ip') && typeof ip === 'string' && ip !== '' ? ip : undefined
}

/**
 * The ids of the nodes that the answer to CLUSTER NODES calls neither failed nor without an
 * address. Other than CLUSTER SLOTS that tells of masters without slots, and of masters that all
 * others have given up. `'isolated'` if the node that says so suspects most of the others: then it
 * is the one that is cut off. `undefined` if it cannot be read.
 */
export function readLiving(answer: unknown): ReadonlySet<string> | 'isolated' | undefined {
  if (typeof answer !== 'string') return undefined
  const nodes = answer.split('\n').flatMap((line) => {
    const [id, , flags] = line.split(' ', 3)
    return id !== undefined && flags !== undefined ? [{ id, flags: flags.split(',') }] : []
  })
  if (nodes.length === 0) return undefined
  const others = nodes.filter(({ flags }) => !flags.includes('myself'))
  if (others.filter(({ flags }) => flags.includes('fail?')).length * 2 > others.length) return 'isolated'
  return new Set(nodes.flatMap(({ id, flags }) => (flags.includes('fail') || flags.includes('noaddr') ? [] : [id])))
}

export function isPort(port: number): boolean {
  return Number.isInteger(port) && port > 0 && port < 65_536
}

function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? (value as unknown[]) : []
}
