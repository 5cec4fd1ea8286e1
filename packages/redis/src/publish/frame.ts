import type { EventKey, ServerEventsError } from 'server-events'
import { alreadySettled, Unsettled } from 'server-events/transport-kit'
import { isPassing, named, neverStored, neverStoredOnce, notKept, oneOf } from '../errors'
import type { OnceOutcome, StoredOutcome } from '../outcomes/key'
import type { Held } from '../outcomes/once'
import { joinLines, lineIn } from '../wire/v2'

const MAX_BYTES = 256 * 1024

export interface Settle {
  readonly resolve: () => void
  readonly reject: (error: Error) => void
}

/** An event that is kept settles for itself: the server may refuse to store it alone. */
export interface KeptEmit extends Settle {
  readonly key: EventKey
  readonly kept: StoredOutcome | OnceOutcome
  readonly line: string
  settled: boolean
  /** Why the server did not store it, on this connection. */
  notStored: string | undefined
  /** Its SET is not answered, on this connection. Only where SET and PUBLISH go to different servers. */
  storing: boolean
  /** How many SETs of it may have been executed: those that were written and not refused. */
  uncertain: number
  /** Why the last of them was refused, if one was. */
  refusal: string | undefined
  /** Of one that is kept once: the server has decided, on this connection; and what holds instead of it. */
  decided: boolean
  held: Held | undefined
}

/**
 * What one command carries, from the first emit in it until the last one has settled: a PUBLISH of
 * events of one name that were emitted in one tick, or a DEL. Events that are not kept share one
 * promise, since one answer settles them all.
 */
export class Frame extends Unsettled {
  readonly command: 'PUBLISH' | 'DEL'
  readonly channel: string
  readonly lane: string
  readonly #first: EventKey
  readonly #lone: boolean
  readonly #maxEvents: number
  /** Its events are kept once: it leaves only when the server has decided on all of them. */
  readonly once: boolean
  /** Not answered on this connection. */
  publishing = true
  /** It was let past before the server had decided on all of it. */
  isLate = false
  readonly kept: KeptEmit[] = []
  /** Its lines. */
  #text = ''
  #events = 0
  /** At least the bytes of its lines; exactly those once it was worth measuring. */
  #bytes = 0
  #measured = false
  #shared: Promise<void> | undefined
  #resolve!: () => void
  #rejectShared!: (error: Error) => void
  /** Emits that share the promise, and those that settle for themselves. */
  #sharing = 0
  #keeping = 0
  /** On some connection: only kept events whose SET was not answered are left, and are published again with it. */
  #accepted = false

  /**
   * `channel` is the key of a DEL. A `lone` frame takes one event, of which the text is the whole
   * payload.
   */
  constructor(
    command: 'PUBLISH' | 'DEL',
    channel: string,
    first: EventKey,
    lone: boolean,
    maxEvents = 1,
    once = false,
  ) {
    super()
    this.command = command
    this.channel = channel
    this.lane = first.name
    this.#first = first
    this.#lone = lone
    this.#maxEvents = maxEvents
    this.once = once
  }

  /** Why what is left of it was refused on this connection, if that will pass: it is to be sent again. */
  get passing(): string | undefined {
    if (this.publishing) return undefined
    const left = this.kept.filter(({ settled }) => !settled)
    return left.some(({ storing }) => storing) ? undefined : left[0]?.notStored
  }

  /** How many emits have not settled. */
  get size(): number {
    return this.#sharing + this.#keeping
  }

  /** Whether the server has decided on all that is left of it, each of which is kept once. */
  get isDecided(): boolean {
    return this.kept.every(({ settled, decided }) => settled || decided)
  }

  get payload(): string {
    if (this.once && (this.#lone || this.kept.some(({ settled, held }) => settled || held !== undefined))) {
      const left = this.kept.filter(({ settled }) => !settled)
      return joinLines(left.map(({ kept, held }) => lineIn(held?.value ?? kept.value)))
    }
    if (this.#lone) return this.#text
    return this.#accepted
      ? joinLines(this.kept.filter(({ settled }) => !settled).map(({ line }) => line))
      : joinLines([this.#text])
  }

  hasRoom(text: string): boolean {
    if (this.#events >= this.#maxEvents) return false
    if (this.#bytes + mostBytes(text) <= MAX_BYTES) return true
    if (!this.#measured) {
      this.#measured = true
      this.#bytes = bytesOf(this.#text)
    }
    return this.#bytes + bytesOf(text) <= MAX_BYTES
  }

  add(text: string): Promise<void> {
    this.#append(text)
    this.#sharing++
    this.#shared ??= new Promise((resolve, reject) => {
      this.#resolve = resolve
      this.#rejectShared = reject
    })
    return this.#shared
  }

  keep(key: EventKey, line: string, kept: StoredOutcome | OnceOutcome): Promise<void> {
    this.#append(line)
    this.#keeping++
    return new Promise((resolve, reject) => {
      const state = { settled: false, notStored: undefined, storing: false, uncertain: 0, refusal: undefined }
      const once = { decided: false, held: undefined }
      this.kept.push({ key, kept, line, resolve, reject, ...state, ...once })
    })
  }

  /** The server has accepted it. Kept events whose SET is not answered stay; `place` is where they were published. */
  accept(place: string): void {
    this.publishing = false
    this.#accepted = true
    if (this.#sharing > 0) this.#resolve()
    this.#sharing = 0
    for (const emit of this.kept) this.settleKept(emit, place)
  }

  /** If both its SET and the PUBLISH are answered, and not refused for now. */
  settleKept(emit: KeptEmit, place: string): void {
    if (emit.settled || emit.storing || this.publishing || (this.once && !emit.decided)) return
    if (emit.notStored !== undefined && isPassing(emit.notStored)) return
    this.#end(emit)
    if (emit.held && !emit.held.isSame) emit.reject(alreadySettled(emit.key))
    else if (emit.notStored === undefined) emit.resolve()
    else emit.reject(notKept(emit.key, place, emit.notStored))
  }

  /** One that is kept once is refused: nothing of it is published. */
  refuse(emit: KeptEmit, error: Error): void {
    if (emit.settled) return
    this.#end(emit)
    emit.reject(error)
  }

  /** Its time is up. What was published, and only refused for now by the store, is known to be just that. */
  expire(place: string, makeError: (events: string) => ServerEventsError): void {
    if (this.#accepted)
      for (const emit of this.kept) {
        if (emit.settled || emit.notStored === undefined) continue
        this.#end(emit)
        emit.reject(notKept(emit.key, place, emit.notStored))
      }
    this.reject(makeError)
  }

  /** Ends all of it; `makeError` is told whom the error is about. */
  reject(makeError: (events: string) => ServerEventsError): void {
    const first = this.#first
    const sharing = this.#sharing
    this.#sharing = 0
    if (sharing > 0) this.#rejectShared(makeError(this.#events === 1 ? named(first) : oneOf(sharing, first.name)))
    for (const emit of this.kept) {
      if (emit.settled) continue
      this.#end(emit)
      const isKnown = emit.uncertain === 0 && (this.once ? this.written : this.#accepted)
      const never = this.once ? neverStoredOnce : neverStored
      emit.reject(isKnown ? never(emit.key, emit.refusal) : makeError(named(emit.key)))
    }
  }

  #append(text: string): void {
    this.#text = this.#events === 0 ? text : `${this.#text}\n${text}`
    this.#events++
    this.#bytes += this.#measured ? bytesOf(text) : mostBytes(text)
  }

  #end(emit: KeptEmit): void {
    emit.settled = true
    this.#keeping--
  }
}

function bytesOf(line: string): number {
  return Buffer.byteLength(line) + 1
}

/** A UTF-16 unit is at most 3 bytes of UTF-8. */
function mostBytes(line: string): number {
  return line.length * 3 + 1
}
