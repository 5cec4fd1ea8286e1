import type { Emit } from './outbox'
import { frameOf } from './wire'

/** One PUBLISH, and the emits that it carries. */
export interface Frame {
  readonly channel: string
  readonly payload: string
  readonly emits: readonly Emit[]
}

const MAX_BYTES = 256 * 1024
const MAX_EVENTS = 512

interface Draft {
  readonly emits: Emit[]
  bytes: number
}

/**
 * Puts emits into as few frames as the limits allow, keeping the order of each name. With `batch`
 * false, or if it is larger than a frame may be, an event has a frame of its own.
 */
export function framesOf(emits: readonly Emit[], batch: boolean): Frame[] {
  const [first] = emits
  if (!first) return []
  if (emits.length === 1 || !batch) return emits.map(single)
  const drafts: Draft[] = []
  // Name -> the draft that still takes events of it.
  const open = new Map<string, Draft>()
  for (const emit of emits) {
    const { name } = emit.key
    if (emit.alone) {
      // What comes later must not overtake it in an earlier frame.
      open.delete(name)
      drafts.push({ emits: [emit], bytes: 0 })
      continue
    }
    const bytes = Buffer.byteLength(emit.text) + 1
    const draft = open.get(name)
    if (draft && draft.emits.length < MAX_EVENTS && draft.bytes + bytes <= MAX_BYTES) {
      draft.emits.push(emit)
      draft.bytes += bytes
    } else {
      const next: Draft = { emits: [emit], bytes }
      open.set(name, next)
      drafts.push(next)
    }
  }
  return drafts.map(({ emits: [head, ...rest] }) => frame(head as Emit, rest))
}

const single = (emit: Emit): Frame => frame(emit, [])

function frame(first: Emit, rest: readonly Emit[]): Frame {
  const emits = rest.length === 0 ? [first] : [first, ...rest]
  const payload = first.alone ? first.text : frameOf(emits.map(({ text }) => text))
  return { channel: first.channel, payload, emits }
}
