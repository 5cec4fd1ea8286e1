import { setTimeout as delay } from 'node:timers/promises'
import { TimeoutError, type ServerEvents } from 'server-events'
import { payload, type Complaints } from './complaints'
import { slack } from './options'

/** One wait and the event that it waits for. */
export interface Pair {
  readonly name: string
  readonly id: string
  readonly timeout: number
  readonly startedAt: number
  /** Begun with it, and with the same timeout: a process that gets no time to run is late with both. */
  readonly clock: Clock
  settledAt: number
  /** 'got', or the code of what the wait rejected with. */
  outcome: string | undefined
  /** How the first emit of it ended: 'resolved' or a code. */
  first: string | undefined
  emittedAt: number
  /** Which attempt to emit it was the first to resolve. */
  accepted: number | undefined
  acceptedAt: number
}

/** A timer of Node. */
interface Clock {
  /** When it went off. */
  wentOffAt: number
  readonly wentOff: Promise<void>
}

/** An emit that rejected is tried again this much later, in ms. */
const again = 25
/** How often events leave, in ms. */
const step = 10

/** Waits in one instance, their events from others; each event is emitted until an emit resolves, as a worker would. */
export class Load {
  readonly pairs: Pair[] = []
  readonly #late: Pair[] = []
  readonly #settling: Promise<void>[] = []
  readonly #emitting: Promise<void>[] = []
  readonly #clocks: Clock[] = []
  readonly #end = new AbortController()
  #next = 0
  #stopped = false

  constructor(
    readonly waiting: ServerEvents,
    readonly emitters: readonly ServerEvents[],
    readonly complaints: Complaints,
  ) {}

  /** Makes waits, whose events are emitted later. */
  wait(names: readonly string[], count: number, options: { timeout: number; recall?: boolean }): Pair[] {
    const made: Pair[] = []
    const clock = this.#clock(options.timeout)
    for (let i = 0; i < count; i++) {
      const pair: Pair = {
        name: names[i % names.length] as string,
        id: String(this.pairs.length),
        timeout: options.timeout,
        startedAt: performance.now(),
        clock,
        settledAt: NaN,
        outcome: undefined,
        first: undefined,
        emittedAt: NaN,
        accepted: undefined,
        acceptedAt: NaN,
      }
      this.pairs.push(pair)
      made.push(pair)
      this.#settling.push(this.#settle(pair, this.waiting.on(pair.name, pair.id, options)))
    }
    return made
  }

  /** Waits again for what was emitted before. */
  waitLate(emitted: readonly Pair[], options: { timeout: number }): void {
    const clock = this.#clock(options.timeout)
    for (const { name, id, first, accepted, acceptedAt } of emitted) {
      const startedAt = performance.now()
      // From now on, because that is what it takes the wait.
      const timing = { timeout: options.timeout, startedAt, clock, emittedAt: startedAt, settledAt: NaN }
      const pair: Pair = { name, id, first, accepted, acceptedAt, outcome: undefined, ...timing }
      this.#late.push(pair)
      this.#settling.push(this.#settle(pair, this.waiting.on(name, id, options)))
    }
  }

  /** All waits, the late ones included. */
  get waits(): readonly Pair[] {
    return [...this.pairs, ...this.#late]
  }

  /** Emits the events of the next waits, spread over so many ms; resolves when the last has left. */
  async emit(count: number, ms: number): Promise<void> {
    const start = performance.now()
    let sent = 0
    while (sent < count && !this.#stopped) {
      const due = Math.min(count, Math.ceil((count * (performance.now() - start + step)) / ms))
      for (; sent < due; sent++) this.#emitting.push(this.#deliver(this.pairs[this.#next++] as Pair))
      await delay(step)
    }
  }

  /** Resolves when all waits have settled, or when it is certain that one hangs. */
  async settled(): Promise<void> {
    const hanging = Promise.all(this.#clocks.map(({ wentOff }) => wentOff))
      .then(() => delay(slack, undefined, this.#end))
      .catch(() => undefined)
    await Promise.race([Promise.all(this.#settling), hanging])
    this.#stopped = true
    await Promise.race([Promise.all(this.#emitting), hanging])
    this.#end.abort()
  }

  #clock(timeout: number): Clock {
    const clock = {
      wentOffAt: Infinity,
      wentOff: delay(timeout, undefined, { signal: this.#end.signal, ref: false }).then(
        () => {
          clock.wentOffAt = performance.now()
        },
        () => undefined,
      ),
    }
    this.#clocks.push(clock)
    return clock
  }

  async #settle(pair: Pair, wait: Promise<unknown[]>): Promise<void> {
    try {
      const [secret, id] = await wait
      pair.outcome = secret === payload && id === pair.id ? 'got' : 'got something else'
    } catch (error) {
      pair.outcome = this.complaints.add(error)
    }
    pair.settledAt = performance.now()
  }

  async #deliver(pair: Pair): Promise<void> {
    const { name, id } = pair
    pair.emittedAt = performance.now()
    for (let attempt = 0; ; attempt++) {
      const emitter = this.emitters[(Number(id) + attempt) % this.emitters.length] as ServerEvents
      try {
        await emitter.emit(name, id, payload, id, attempt)
        pair.accepted = attempt
        pair.acceptedAt = performance.now()
        pair.first ??= 'resolved'
        return
      } catch (error) {
        pair.first ??= this.complaints.add(error)
        if (this.#stopped) return
        await delay(again)
      }
    }
  }
}

/** Emitted in time, as far as the emitter knows, and not received. */
export function isLost({ acceptedAt, settledAt, outcome }: Pair): boolean {
  return acceptedAt < settledAt && outcome !== 'got'
}

export function isTimeout({ outcome }: Pair): boolean {
  return outcome === TimeoutError.code
}
