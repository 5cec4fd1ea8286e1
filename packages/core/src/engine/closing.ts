import { UncertainError } from '../errors'
import type { Transport } from '../transport'
import { longestDelay } from './clock'
import type { Engine } from './engine'
import { fromConnection } from './from-transport'

/** Emits that are outstanding when the drain has ended get at most this long, in ms. */
const outstandingEmits = 5000
/** What a transport answers as it closes comes through its async functions: this many reactions later at most. */
const lastAnswers = 32

/** Closes an instance: drain, then what is being sent, then all stops. */
export class Closing {
  readonly promise: Promise<void>
  readonly #engine: Engine
  readonly #transport: Transport
  readonly #started = performance.now()
  #drain = Infinity
  #drained!: () => void
  #timer: NodeJS.Timeout | undefined

  constructor(engine: Engine, transport: Transport, drain: number) {
    this.#engine = engine
    this.#transport = transport
    engine.phase = 'draining'
    const drained = new Promise<void>((resolve) => {
      this.#drained = resolve
    })
    const { waiting, dispatch } = engine
    const check = (): void => {
      if (waiting.count === 0 && dispatch.working === 0) this.#drained()
    }
    waiting.whenNothingPends = check
    dispatch.whenNobodyWorks = check
    this.shorten(drain)
    check()
    this.promise = engine.hold.during(this.#run(drained))
  }

  /** A second close may end the drain sooner, never later. */
  shorten(drain: number): void {
    if (drain >= this.#drain) return
    this.#drain = drain
    clearTimeout(this.#timer)
    const left = drain - (performance.now() - this.#started)
    if (left <= 0) this.#drained()
    else this.#timer = setTimeout(this.#drained, Math.min(left, longestDelay))
  }

  async #run(drained: Promise<void>): Promise<void> {
    const engine = this.#engine
    await drained
    clearTimeout(this.#timer)
    // There is nothing left to shorten.
    this.#drain = 0
    engine.phase = 'closing'
    engine.releaseHeld()
    await atMost(outstandingEmits, engine.outbox.idle())
    engine.end()
    try {
      await this.#transport.close()
    } catch (error) {
      engine.reports.error('outputStore', fromConnection(error))
    }
    for (let turn = 0; turn < lastAnswers && engine.outbox.size > 0; turn++) await Promise.resolve()
    engine.outbox.close(
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
