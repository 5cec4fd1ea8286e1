import { performance } from 'node:perf_hooks'
import { AuthError, ConnectionError } from 'server-events'
import type { ServerEventsError } from 'server-events'
import { refusal, replyCode } from './errors'
import type { Frame, KeptEmit } from './frame'
import type { Connection } from './link'
import type { Settings } from './options'
import type { Outbox } from './outbox'
import type { Store } from './store'
import { Storing } from './storing'
import { atEndOfTick } from './tick'

const noop = (): void => undefined

/** Writes frames to one connection and settles those that are answered on it. */
export class Transmission {
  private ended = false
  private heardAt = performance.now()
  private readonly storing: Storing
  /** Stored in this tick, where SET and PUBLISH go to different servers. */
  private stored: Frame[] = []
  private readonly publishStored = (): void => {
    const { stored } = this
    this.stored = []
    this.send(stored.filter((frame) => this.isWanted(frame)))
  }

  /** `lose` gives the connection up. */
  constructor(
    readonly connection: Connection,
    private readonly store: Store,
    private readonly outbox: Outbox,
    private readonly settings: Settings,
    private readonly lose: (cause: ServerEventsError) => void,
  ) {
    this.storing = new Storing(Math.ceil(settings.publishTimeout / 2), (frames) => this.release(frames))
  }

  write(frames: readonly Frame[]): void {
    if (this.store.inOrder) this.send(frames)
    else for (const frame of frames) this.storeBefore(frame)
  }

  /** The connection is gone: nothing that comes of it counts any more. */
  end(): void {
    this.ended = true
    this.stored = []
    this.storing.clear()
  }

  /** A key was read; on another server, that says nothing of this one. */
  heardOfKey(): void {
    if (this.store.inOrder) this.heardAt = performance.now()
  }

  /**
   * What was written then has met its deadline: if that speaks against the connection, it is given
   * up. One that was just made must not pay for what its predecessor did not answer: without this,
   * one frozen peer makes many interruptions.
   */
  overdue(command: 'PUBLISH' | 'GET', writtenAt: number): void {
    if (this.ended || (command === 'GET' && !this.store.inOrder)) return
    const { publishTimeout } = this.settings
    if (performance.now() - writtenAt < publishTimeout / 2 || this.heardAt > writtenAt) return
    const { place } = this.connection
    this.lose(
      new ConnectionError(
        `redis at ${place} did not answer ${command} within ${publishTimeout} ms: the connection is replaced`,
      ),
    )
  }

  private isWanted(frame: Frame): boolean {
    return !this.ended && this.outbox.has(frame)
  }

  private storeBefore(frame: Frame): void {
    if (frame.command === 'DEL') {
      this.send([frame])
      return
    }
    frame.publishing = true
    const unsettled = frame.kept.filter(({ settled }) => !settled)
    if (unsettled.length === 0) {
      this.storing.add(frame, undefined)
      return
    }
    frame.writtenOn = this.connection
    // Whoever does not answer in time, it is not this connection.
    frame.writtenAt = Infinity
    const stored = unsettled.map((emit) => {
      emit.storing = true
      return this.keep(frame, emit).then(() => {
        if (this.ended) return
        emit.storing = false
        this.outbox.stored(frame, emit, this.connection.place)
      })
    })
    this.storing.add(frame, Promise.all(stored))
  }

  private release(frames: readonly Frame[]): void {
    this.stored.push(...frames)
    if (this.stored.length === frames.length) atEndOfTick(this.publishStored)
  }

  private send(frames: readonly Frame[]): void {
    // One system call for all; for a lone command it would only cost.
    const lone = frames.length === 1 && frames[0]?.kept.length === 0
    const stream = lone ? undefined : this.connection.client.stream
    stream?.cork()
    const now = performance.now()
    for (const frame of frames) this.transmit(frame, now)
    stream?.uncork()
  }

  private transmit(frame: Frame, now: number): void {
    const { connection, store } = this
    const { command, channel, kept } = frame
    const here = command === 'PUBLISH' || store.inOrder
    frame.writtenOn = connection
    frame.writtenAt = here ? now : Infinity
    frame.publishing = true
    if (store.inOrder) for (const emit of kept) void this.keep(frame, emit)
    const answer =
      command === 'DEL'
        ? store.del(connection, channel, () => this.isWanted(frame))
        : connection.client.publish(channel, frame.payload)
    answer.then(
      () => {
        if (this.ended) return
        if (here) this.heardAt = performance.now()
        this.accepted(frame)
      },
      (error: unknown) => {
        if (this.ended) return
        const code = replyCode(error)
        // Not an answer: the connection is ending, and what it owes will be sent again.
        if (code === undefined) return
        if (here) this.heardAt = performance.now()
        this.refused(frame, code)
      },
    )
  }

  /** Written before its PUBLISH, and answered before it. Never rejects. */
  private keep(frame: Frame, emit: KeptEmit): Promise<void> {
    emit.notStored = undefined
    return this.store
      .set(this.connection, emit.kept, () => !emit.settled && this.isWanted(frame))
      .then(noop, (error: unknown) => {
        if (!this.ended) emit.notStored = replyCode(error)
      })
  }

  private accepted(frame: Frame): void {
    this.outbox.accept(frame, this.connection.place)
    if (frame.kept.some(({ notStored }) => notStored === 'READONLY')) this.leaveReplica()
  }

  private refused(frame: Frame, code: string): void {
    const { command, channel } = frame
    const refuse = (): ServerEventsError => refusal(code, command, channel, this.connection.place)
    this.outbox.reject(frame, refuse)
    const error = refuse()
    if (error instanceof AuthError) this.lose(error)
    else if (code === 'READONLY') this.leaveReplica()
  }

  /** What is published on a replica reaches its own subscribers only. */
  private leaveReplica(): void {
    const { place } = this.connection
    this.lose(new ConnectionError(`redis at ${place} is a read-only replica: the connection is replaced`))
  }
}
