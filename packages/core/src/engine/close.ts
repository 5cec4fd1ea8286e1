import { UncertainError } from '../errors'
import type { Transport } from '../transport'
import { clearTimeoutAtLoad, immediateAtLoad, LONGEST_DELAY, timeoutAtLoad } from '../base/clock'
import type { Engine } from './engine'
import { fromConnection } from '../transport-errors'

/** Emits that are outstanding when the drain has ended get at most this long, in ms. */
const OUTSTANDING_EMITS = 5000
/** What says to whoever asked that a wait has ended gets at most this long, in ms. */
const LAST_WORDS = 1000
/** A drain is over when nothing was under way for so many ms: between a wait and an emit a request may ask a database. */
const QUIET_TIME = 50
/** And for so many turns of the event loop then: one that was blocked still has to call whom it owes a call. */
const QUIET_TURNS = 4
/** What a transport answers as it closes comes through its async functions: this many reactions later at most. */
const LAST_ANSWERS = 32

/** Closes an instance: drain, then what is being sent, then all stops. */
export class Close {
  readonly promise: Promise<void>
  readonly #engine: Engine
  readonly #transport: Transport
  readonly #started = performance.now()
  #drain = Infinity
  #drained!: () => void
  #timer: NodeJS.Timeout | undefined
  /** While nothing is under way, and it may have been the last. */
  #rest: NodeJS.Timeout | undefined
  /** Something ended since that rest began. */
  #stirred = false

  constructor(engine: Engine, transport: Transport, drain: number) {
    this.#engine = engine
    this.#transport = transport
    engine.phase = 'draining'
    const drained = new Promise<void>((resolve) => {
      this.#drained = resolve
    })
    const check = (): void => {
      this.#check()
    }
    engine.waits.whenNothingPends = check
    engine.dispatch.whenNobodyWorks = check
    engine.emits.whenIdle = check
    engine.lookups.whenIdle = check
    this.shorten(drain)
    check()
    this.promise = engine.keepAlive.during(this.#run(drained))
  }

  /** A second close may end the drain sooner, never later. */
  shorten(drain: number): void {
    if (drain >= this.#drain) return
    this.#drain = drain
    clearTimeout(this.#timer)
    const left = drain - (performance.now() - this.#started)
    if (left <= 0) this.#drained()
    else this.#timer = setTimeout(this.#drained, Math.min(left, LONGEST_DELAY))
  }

  get #isIdle(): boolean {
    const { waits, dispatch, emits, lookups } = this.#engine
    return waits.count === 0 && dispatch.working === 0 && emits.size === 0 && lookups.count === 0
  }

  /**
   * Something has come to its end. Whoever waited for it goes on, and emits what a request is to end
   * with: only when that has led to nothing new is it over.
   */
  #check(): void {
    this.#stirred = true
    if (this.#rest === undefined && this.#engine.phase === 'draining' && this.#isIdle) this.#begin()
  }

  #begin(): void {
    this.#stirred = false
    this.#rest = timeoutAtLoad(() => {
      this.#turn(QUIET_TURNS)
    }, QUIET_TIME)
  }

  #turn(left: number): void {
    if (left > 0) {
      immediateAtLoad(() => {
        this.#turn(left - 1)
      })
      return
    }
    this.#rest = undefined
    // What is under way now will come to its end, and look again; or its time was up meanwhile.
    if (!this.#isIdle || this.#engine.phase !== 'draining') return
    if (this.#stirred) this.#begin()
    else this.#drained()
  }

  async #run(drained: Promise<void>): Promise<void> {
    const engine = this.#engine
    await drained
    clearTimeout(this.#timer)
    clearTimeoutAtLoad(this.#rest)
    // There is nothing left to shorten.
    this.#drain = 0
    engine.phase = 'closing'
    engine.emits.releaseAll()
    await atMost(OUTSTANDING_EMITS, engine.emits.idle())
    engine.end()
    const said = engine.questions.end()
    if (said !== undefined) await atMost(LAST_WORDS, said)
    try {
      await this.#transport.close()
    } catch (error) {
      engine.reports.error('outputStore', fromConnection(error))
    }
    for (let turn = 0; turn < LAST_ANSWERS && engine.emits.size > 0; turn++) await Promise.resolve()
    engine.emits.close(
      () => new UncertainError('the transport closed without saying what became of this emit: it may have been sent'),
    )
  }
}

async function atMost(ms: number, work: Promise<void>): Promise<void> {
  let timer: NodeJS.Timeout | undefined
  const expired = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, ms)
  })
  await Promise.race([work, expired])
  clearTimeout(timer)
}
