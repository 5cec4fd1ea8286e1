import type { EventKey, ServerEventsError } from 'server-events'
import { named, notKept, oneOf } from './errors'
import type { Kept } from './kept'
import type { Connection } from './link'
import { joinLines } from './wire'

const MAX_BYTES = 256 * 1024

const none: readonly KeptEmit[] = []

interface Settle {
  readonly resolve: () => void
  readonly reject: (error: Error) => void
}

/** An event that is kept settles for itself: the server may refuse to store it alone. */
export interface KeptEmit extends Settle {
  readonly key: EventKey
  readonly kept: Kept
  readonly line: string
  settled: boolean
  /** Why the server did not store it, on this connection. */
  notStored: string | undefined
  /** Its SET is not answered, on this connection. Only where SET and PUBLISH go to different servers. */
  storing: boolean
}

/**
 * What one command carries, from the first emit in it until the last one has settled: a PUBLISH of
 * events of one name that were emitted in one tick, or a DEL. Events that are not kept share one
 * promise, since one answer settles them all.
 */
export class Frame {
  /** Takes events: not to be written yet. */
  open = false
  /** Index in the table of what has not settled; -1 when not in it. */
  slot = -1
  /** Its place in the order of arrival. */
  turn = 0
  /** When its time is up. */
  due = 0
  /** Where it was written last; `undefined` if nowhere yet. */
  writtenOn: Connection | undefined
  writtenAt = 0
  /** Not answered on this connection. */
  publishing = true
  /** How many emits have not settled. */
  size = 0
  private keptEmits: KeptEmit[] | undefined
  /** Its lines. */
  private text = ''
  private events = 0
  /** At least the bytes of its lines; exactly those once it was worth measuring. */
  private bytes = 0
  private measured = false
  private shared: Promise<void> | undefined
  private resolve!: () => void
  private rejectShared!: (error: Error) => void
  /** Emits that share the promise. */
  private sharing = 0
  /** On some connection: only kept events whose SET was not answered are left, and are published again with it. */
  private accepted = false

  /**
   * `channel` is the key of a DEL. A `lone` frame takes one event, of which the text is the whole
   * payload.
   */
  constructor(
    readonly command: 'PUBLISH' | 'DEL',
    readonly channel: string,
    private readonly first: EventKey,
    private readonly lone: boolean,
    private readonly maxEvents = 1,
  ) {}

  get name(): string {
    return this.first.name
  }

  get kept(): readonly KeptEmit[] {
    return this.keptEmits ?? none
  }

  get payload(): string {
    if (this.lone) return this.text
    return this.accepted
      ? joinLines(this.kept.filter(({ settled }) => !settled).map(({ line }) => line))
      : joinLines([this.text])
  }

  hasRoom(text: string): boolean {
    if (this.events >= this.maxEvents) return false
    if (this.bytes + mostBytes(text) <= MAX_BYTES) return true
    if (!this.measured) {
      this.measured = true
      this.bytes = bytesOf(this.text)
    }
    return this.bytes + bytesOf(text) <= MAX_BYTES
  }

  add(text: string): Promise<void> {
    this.append(text)
    this.sharing++
    this.shared ??= new Promise((resolve, reject) => {
      this.resolve = resolve
      this.rejectShared = reject
    })
    return this.shared
  }

  keep(key: EventKey, line: string, kept: Kept): Promise<void> {
    this.append(line)
    return new Promise((resolve, reject) => {
      this.keptEmits ??= []
      this.keptEmits.push({ key, kept, line, resolve, reject, settled: false, notStored: undefined, storing: false })
    })
  }

  /** The server has accepted it. Kept events whose SET is not answered stay; `place` is where they were published. */
  accept(place: string): void {
    this.publishing = false
    this.accepted = true
    this.size -= this.sharing
    if (this.sharing > 0) this.resolve()
    this.sharing = 0
    for (const emit of this.kept) this.settleKept(emit, place)
  }

  /** If both its SET and the PUBLISH are answered. */
  settleKept(emit: KeptEmit, place: string): void {
    if (emit.settled || emit.storing || this.publishing) return
    this.end(emit)
    if (emit.notStored === undefined) emit.resolve()
    else emit.reject(notKept(emit.key, place, emit.notStored))
  }

  /** Ends all of it; `makeError` is told whom the error is about. */
  reject(makeError: (events: string) => ServerEventsError): void {
    const { first, sharing } = this
    this.size -= sharing
    this.sharing = 0
    if (sharing > 0) this.rejectShared(makeError(this.events === 1 ? named(first) : oneOf(sharing, first.name)))
    for (const emit of this.kept) {
      if (emit.settled) continue
      this.end(emit)
      emit.reject(makeError(named(emit.key)))
    }
  }

  private append(text: string): void {
    this.text = this.events === 0 ? text : `${this.text}\n${text}`
    this.events++
    this.size++
    this.bytes += this.measured ? bytesOf(text) : mostBytes(text)
  }

  private end(emit: KeptEmit): void {
    emit.settled = true
    this.size--
  }
}

function bytesOf(line: string): number {
  return Buffer.byteLength(line) + 1
}

/** A UTF-16 unit is at most 3 bytes of UTF-8. */
function mostBytes(line: string): number {
  return line.length * 3 + 1
}
