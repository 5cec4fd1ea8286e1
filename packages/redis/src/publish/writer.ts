import { performance } from 'node:perf_hooks'
import { AuthError, ClosedError, ConnectionError, ServerEventsError, UncertainError } from 'server-events'
import { atEndOfTick } from 'server-events/transport-kit'
import { isElsewhere, isPassing, lostWhenSent, named, refusal, replyCode } from '../errors'
import type { Frame, KeptEmit } from './frame'
import type { Frames } from './frames'
import type { Connection } from '../client/link'
import { decide } from '../outcomes/once'
import type { OutcomeStore, Trial } from '../outcomes/store'
import { patienceOf, StoreFirst } from './store-first'

const noop = (): void => undefined

/** What becomes of a connection on which frames are written. */
export interface WriterHost {
  /** It is no good. */
  lose(cause: ServerEventsError): void
  /** The server said that a key is on another node. */
  elsewhere(): void
}

/** Writes frames to one connection and settles those that are answered on it. */
export class Writer {
  readonly connection: Connection
  readonly #store: OutcomeStore
  readonly #frames: Frames
  readonly #host: WriterHost
  #ended = false
  readonly #since = performance.now()
  #answeredAt = 0
  readonly #storing: StoreFirst
  /** Stored in this tick, where SET and PUBLISH go to different servers. */
  #stored: Frame[] = []
  readonly #publishStored = (): void => {
    const stored = this.#stored
    this.#stored = []
    this.#send(
      stored.filter((frame) => this.#isWanted(frame)),
      true,
    )
  }

  /** `publishTimeout` in ms. */
  constructor(connection: Connection, store: OutcomeStore, frames: Frames, publishTimeout: number, host: WriterHost) {
    this.connection = connection
    this.#store = store
    this.#frames = frames
    this.#host = host
    this.#storing = new StoreFirst(patienceOf(publishTimeout), (stored) => this.#release(stored))
  }

  write(frames: readonly Frame[]): void {
    if (this.#store.inOrder && !frames.some((frame) => this.#waits(frame))) {
      this.#send(frames)
      return
    }
    const { stream } = this.connection.client
    stream?.cork()
    for (const frame of frames)
      if (this.#store.inOrder && !this.#waits(frame)) this.#send([frame])
      else this.#storeBefore(frame)
    stream?.uncork()
  }

  /** Asks for a sign of life: any answer is one. */
  probe(): void {
    const { client, life } = this.connection
    client.ping().then(() => life.heard(), noop)
  }

  /** The connection is gone: nothing that comes of it counts any more. */
  end(): void {
    this.#ended = true
    this.#stored = []
    this.#storing.clear()
  }

  /**
   * Whether what it carried is out of time because the server answers nothing of it, although it may
   * answer a PING: as proxies do whose own connection is stuck.
   */
  isStuck(frame: Frame, publishTimeout: number): boolean {
    const { writtenAt } = frame
    const isOurs = writtenAt >= this.#since && writtenAt < Infinity
    return isOurs && this.#answeredAt < writtenAt && performance.now() - writtenAt >= publishTimeout / 2
  }

  #isWanted(frame: Frame): boolean {
    return !this.#ended && this.#frames.has(frame)
  }

  /** Where SET and PUBLISH go to the same server: what is kept once, and what comes behind it. */
  #waits({ once, lane }: Frame): boolean {
    return once || this.#storing.holds(lane)
  }

  #storeBefore(frame: Frame): void {
    // What is asked of the store is asked at once, in order: only what is published waits.
    if (frame.command === 'DEL') {
      this.#send([frame])
      return
    }
    frame.publishing = true
    const unsettled = frame.kept.filter(({ settled }) => !settled)
    if (unsettled.length === 0) {
      this.#storing.add(frame, undefined)
      return
    }
    // Whoever does not answer in time, it is not this connection.
    if (!this.#store.inOrder) frame.writtenAt = Infinity
    frame.isLate = false
    const stored = unsettled.map((emit) => {
      if (frame.once) return this.#decide(frame, emit)
      emit.storing = true
      return this.#keep(frame, emit).then(() => {
        if (this.#ended) return
        emit.storing = false
        this.#frames.stored(frame, emit, this.connection.place)
      })
    })
    this.#storing.add(
      frame,
      Promise.all(stored).then(() => this.#decided(frame)),
    )
  }

  /** All of it was answered. What waited so long that others were let past leaves by itself. */
  #decided(frame: Frame): void {
    if (!frame.once || !this.#isWanted(frame)) return
    const passing = frame.kept.find(({ settled, notStored }) => !settled && notStored !== undefined)?.notStored
    if (passing !== undefined) this.#frames.postpone(frame, passing)
    else if (frame.isLate) this.#release([frame])
  }

  #release(frames: readonly Frame[]): void {
    for (const frame of frames) this.#stored.push(frame)
    if (this.#stored.length === frames.length) atEndOfTick(this.#publishStored)
  }

  #send(frames: readonly Frame[], stored = false): void {
    // One system call for all; for a lone command it would only cost.
    const lone = frames.length === 1 && frames[0]?.kept.length === 0
    const stream = lone ? undefined : this.connection.client.stream
    stream?.cork()
    for (const frame of frames) this.#transmit(frame, stored)
    stream?.uncork()
  }

  #transmit(frame: Frame, stored: boolean): void {
    if (frame.once && !frame.isDecided) {
      frame.isLate = true
      return
    }
    const connection = this.connection
    const store = this.#store
    const { command, channel, kept } = frame
    frame.publishing = true
    if (store.inOrder && !stored) for (const emit of kept) void this.#keep(frame, emit)
    else frame.writtenAt = command === 'PUBLISH' ? performance.now() : Infinity
    const answer =
      command === 'DEL'
        ? store.del(connection, channel, () => this.#isWanted(frame))
        : connection.client.publish(channel, frame.payload)
    // The answer of another server says nothing of this connection.
    const isOurs = store.inOrder || command === 'PUBLISH'
    answer.then(
      () => {
        if (this.#ended) return
        if (isOurs) this.#heard()
        this.#frames.accept(frame, this.connection.place)
      },
      (error: unknown) => {
        if (this.#ended) return
        const code = replyCode(error)
        // Not an answer: the connection is ending, and what it owes will be sent again.
        if (code === undefined) return
        if (isOurs) this.#heard()
        this.#refused(frame, code)
      },
    )
  }

  /** Written before its PUBLISH, and answered before it. Never rejects. */
  #keep(frame: Frame, emit: KeptEmit): Promise<void> {
    if (emit.settled) return Promise.resolve()
    emit.notStored = undefined
    const { inOrder } = this.#store
    if (inOrder) emit.uncertain++
    return this.#store.set(this.connection, emit.kept, this.#trial(frame, emit)).then(noop, (error: unknown) => {
      const code = replyCode(error)
      if (inOrder && code !== undefined) emit.uncertain--
      if (this.#ended) return
      if (error instanceof UncertainError) this.#frames.refuse(frame, emit, lostWhenSent(named(emit.key)))
      emit.notStored = code
      if (emit.notStored === 'READONLY' && this.#store.inOrder) this.#leaveReplica()
      else if (isElsewhere(emit.notStored ?? '')) this.#host.elsewhere()
    })
  }

  /** One that is kept once, to be published when all of its frame are decided. Never rejects. */
  #decide(frame: Frame, emit: KeptEmit): Promise<void> {
    const { kept } = emit
    if (!('once' in kept)) return Promise.resolve()
    const { inOrder } = this.#store
    emit.notStored = undefined
    emit.decided = false
    emit.storing = true
    if (inOrder) emit.uncertain++
    return decide(this.#store, this.connection, kept, this.#trial(frame, emit)).then(
      (held) => {
        if (this.#ended) return
        emit.storing = false
        emit.held = held
        emit.decided = true
        if (inOrder) this.#heard()
      },
      (error: unknown) => {
        if (inOrder && replyCode(error) !== undefined) emit.uncertain--
        if (this.#ended) return
        emit.storing = false
        this.#undecided(frame, emit, error)
      },
    )
  }

  #undecided(frame: Frame, emit: KeptEmit, error: unknown): void {
    const code = replyCode(error)
    if (code === undefined) {
      // Any other is no answer: the connection is ending.
      if (error instanceof UncertainError) this.#frames.refuse(frame, emit, lostWhenSent(named(emit.key)))
      else if (error instanceof ServerEventsError && !(error instanceof ClosedError))
        this.#frames.refuse(frame, emit, error)
      return
    }
    emit.refusal = code
    if (this.#store.inOrder) this.#heard()
    if (code === 'READONLY' && this.#store.inOrder) this.#leaveReplica()
    else if (isPassing(code)) emit.notStored = code
    else {
      if (isElsewhere(code)) this.#host.elsewhere()
      this.#frames.refuse(frame, emit, refusal(code, 'SET', emit.kept.key, this.connection.place))
    }
  }

  #trial(frame: Frame, emit: KeptEmit): Trial {
    return {
      wanted: () => !emit.settled && this.#isWanted(frame),
      written: () => emit.uncertain++,
      refused: (code) => {
        emit.uncertain--
        emit.refusal = code
      },
    }
  }

  #heard(): void {
    this.connection.life.heard()
    this.#answeredAt = performance.now()
  }

  #refused(frame: Frame, code: string): void {
    const { command, channel } = frame
    if (code === 'READONLY' && this.#store.inOrder) {
      this.#leaveReplica()
      return
    }
    if (isPassing(code)) {
      this.#frames.postpone(frame, code)
      return
    }
    if (isElsewhere(code)) this.#host.elsewhere()
    const refuse = (): ServerEventsError => refusal(code, command, channel, this.connection.place)
    this.#frames.reject(frame, refuse)
    const error = refuse()
    if (error instanceof AuthError) this.#host.lose(error)
  }

  /**
   * What is published on a replica reaches its own subscribers only: all that is out there goes to
   * the next connection. No frame is to blame for that, so none counts as lost with this one.
   */
  #leaveReplica(): void {
    const { place } = this.connection
    for (const frame of this.#frames.all()) {
      const mayBeHeard = frame.written && frame.command === 'PUBLISH'
      this.#frames.postpone(frame, 'READONLY')
      frame.written = mayBeHeard
    }
    this.#host.lose(new ConnectionError(`redis at ${place} is a read-only replica: the connection is replaced`))
  }
}
