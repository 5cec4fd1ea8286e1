import { performance } from 'node:perf_hooks'
import { AuthError, ConnectionError } from 'server-events'
import type { ServerEventsError } from 'server-events'
import { notKept, refusal, replyCode } from './errors'
import { framesOf } from './frames'
import type { Frame } from './frames'
import type { Kept } from './kept'
import type { Connection } from './link'
import type { Settings } from './options'
import type { Emit, Outbox } from './outbox'
import type { Store } from './store'
import { Storing } from './storing'

// Taken at load: fake timers replace it later.
const nextTick = process.nextTick.bind(process)

const noop = (): void => undefined

/** Writes emits to one connection and settles those that are answered on it. */
export class Transmission {
  private ended = false
  private heardAt = performance.now()
  private readonly storing: Storing
  /** Stored in this tick, where SET and PUBLISH go to different servers. */
  private stored: Emit[] = []
  private readonly publishStored = (): void => {
    const { stored } = this
    this.stored = []
    this.send(stored.filter((emit) => this.isWanted(emit)))
  }

  /** `lose` gives the connection up. */
  constructor(
    readonly connection: Connection,
    private readonly store: Store,
    private readonly outbox: Outbox,
    private readonly settings: Settings,
    private readonly lose: (cause: ServerEventsError) => void,
  ) {
    this.storing = new Storing(Math.ceil(settings.publishTimeout / 2), (emits) => this.release(emits))
  }

  write(emits: readonly Emit[]): void {
    if (this.store.inOrder) this.send(emits)
    else for (const emit of emits) this.storeBefore(emit)
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

  private isWanted(emit: Emit | undefined): boolean {
    return !this.ended && emit !== undefined && this.outbox.has(emit)
  }

  private storeBefore(emit: Emit): void {
    if (emit.removes !== undefined) {
      this.send([emit])
      return
    }
    emit.publishing = true
    if (!emit.kept) {
      this.storing.add(emit, undefined)
      return
    }
    emit.storing = true
    emit.writtenOn = this.connection
    // Whoever does not answer in time, it is not this connection.
    emit.writtenAt = Infinity
    const stored = this.keep(emit, emit.kept)
    this.storing.add(emit, stored)
    void stored.then(() => {
      if (this.ended) return
      emit.storing = false
      this.settle(emit)
    })
  }

  private release(emits: readonly Emit[]): void {
    this.stored.push(...emits)
    if (this.stored.length === emits.length) void Promise.resolve().then(() => nextTick(this.publishStored))
  }

  private send(emits: readonly Emit[]): void {
    const frames = framesOf(emits, this.settings.batch)
    // One system call for all; for a lone frame it would only cost.
    const lone = frames.length === 1 && frames[0]?.emits.length === 1 && frames[0].emits[0]?.kept === undefined
    const stream = lone ? undefined : this.connection.client.stream
    stream?.cork()
    for (const frame of frames) this.transmit(frame)
    stream?.uncork()
  }

  private transmit(frame: Frame): void {
    const { connection, store } = this
    const { channel, payload, emits } = frame
    const here = payload !== undefined || store.inOrder
    const now = here ? performance.now() : Infinity
    for (const emit of emits) {
      emit.writtenOn = connection
      emit.writtenAt = now
      if (emit.kept && store.inOrder) void this.keep(emit, emit.kept)
    }
    const answer =
      payload === undefined
        ? store.del(connection, channel, () => this.isWanted(emits[0]))
        : connection.client.publish(channel, payload)
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
  private keep(emit: Emit, kept: Kept): Promise<void> {
    emit.notStored = undefined
    return this.store
      .set(this.connection, kept, () => this.isWanted(emit))
      .then(noop, (error: unknown) => {
        if (!this.ended) emit.notStored = replyCode(error)
      })
  }

  private accepted({ emits }: Frame): void {
    for (const emit of emits) {
      emit.publishing = false
      this.settle(emit)
    }
    if (emits.some(({ notStored }) => notStored === 'READONLY')) this.leaveReplica()
  }

  private settle(emit: Emit): void {
    if (emit.storing || emit.publishing || !this.outbox.take(emit)) return
    if (emit.notStored === undefined) emit.resolve()
    else emit.reject(notKept(emit.key, this.connection.place, emit.notStored))
  }

  private refused({ channel, payload, emits }: Frame, code: string): void {
    const command = payload === undefined ? 'DEL' : 'PUBLISH'
    const refuse = (): ServerEventsError => refusal(code, command, channel, this.connection.place)
    for (const emit of emits) if (this.outbox.take(emit)) emit.reject(refuse())
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
