import type { Emit } from './outbox'
import { joinLines } from './wire'

/** One PUBLISH, and the emits that it carries; or one removal. */
export interface Frame {
  readonly channel: string
  /** `undefined` for a removal: the channel is then a key. */
  readonly payload: string | undefined
  readonly emits: readonly Emit[]
}

const MAX_BYTES = 256 * 1024
const MAX_EVENTS = 512

/**
 * Puts emits into as few frames as the limits allow, keeping the order of each name. With `batch`
 * false, or if it is larger than a frame may be, an event has a frame of its own.
 */
export function framesOf(emits: readonly Emit[], batch: boolean): Frame[] {
  if (emits.length === 1 || !batch) return emits.map((emit) => frameOf(emit))
  const drafts: Draft[] = []
  // Name -> the draft that still takes events of it.
  const open = new Map<string, Draft>()
  for (const emit of emits) {
    const { name } = emit.key
    const alone = emit.event === undefined || emit.event.alone
    const bytes = emit.event === undefined ? 0 : Buffer.byteLength(emit.event.text) + 1
    const draft = open.get(name)
    if (draft && !alone && draft.more.length < MAX_EVENTS - 1 && draft.bytes + bytes <= MAX_BYTES) {
      draft.more.push(emit)
      draft.bytes += bytes
      continue
    }
    const next: Draft = { first: emit, more: [], bytes }
    drafts.push(next)
    // What comes after a lone one must not overtake it in an earlier frame.
    if (alone) open.delete(name)
    else open.set(name, next)
  }
  return drafts.map(({ first, more }) => frameOf(first, more))
}

interface Draft {
  readonly first: Emit
  readonly more: Emit[]
  bytes: number
}

function frameOf(first: Emit, more: readonly Emit[] = []): Frame {
  const emits = [first, ...more]
  const { event } = first
  if (event === undefined) return { channel: first.removes ?? '', payload: undefined, emits }
  const payload = event.alone ? event.text : joinLines(emits.map((emit) => emit.event?.text ?? ''))
  return { channel: event.channel, payload, emits }
}
