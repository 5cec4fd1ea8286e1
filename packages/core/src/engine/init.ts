import { ClosedError, ConnectionError, type ServerEventsError } from '../errors'
import type { Side, Transport } from '../transport'
import { LONGEST_DELAY } from '../base/clock'
import { inRootContext } from '../base/context'
import type { Engine } from './engine'
import { fromTransport } from '../transport-errors'

/** Brings both sides up, each try bounded by `initTimeout`, while repair goes on behind it. */
export class Init {
  readonly #engine: Engine
  readonly #transport: Transport
  readonly #initTimeout: number
  #connected: Promise<void> | undefined

  constructor(engine: Engine, transport: Transport, initTimeout: number) {
    this.#engine = engine
    this.#transport = transport
    this.#initTimeout = initTimeout
  }

  /** Calls share one attempt; after a rejection the next call tries again. */
  init(): Promise<void> {
    // Shared by all calls and kept for good: of nobody's context.
    this.#connected ??= inRootContext(() =>
      this.#init().catch((error: unknown) => {
        this.#connected = undefined
        throw error
      }),
    )
    // A fresh error for each caller, since its stack is to name that one's line.
    return this.#connected.catch((error: unknown) => {
      throw fromTransport(error)
    })
  }

  /** Bounds what waits for subscriptions. */
  standing(standing: Promise<unknown>): Promise<void> {
    return this.#bounded(['outputStore'], [standing])
  }

  #init(): Promise<void> {
    const subscriptions = this.#engine.subscriptions.desire()
    for (const subscription of subscriptions) subscription.ensure()
    const standing = subscriptions.map((subscription) => subscription.standing())
    const stores: Side[] = standing.length > 0 ? ['inputStore', 'outputStore'] : ['inputStore']
    return this.#bounded(stores, [this.#connect(), ...standing])
  }

  async #connect(): Promise<void> {
    await this.#transport.connect()
  }

  async #bounded(stores: readonly Side[], works: readonly Promise<unknown>[]): Promise<void> {
    const before = stores.map((store) => this.#engine.sides[store].lastError)
    let timer: NodeJS.Timeout | undefined
    const expired = new Promise<never>((_, reject) => {
      timer = setTimeout(
        () => {
          reject(this.#lateness(stores, before))
        },
        Math.min(this.#initTimeout, LONGEST_DELAY),
      )
    })
    try {
      await Promise.race([Promise.all(works), expired])
    } catch (error) {
      throw this.#engine.phase === 'open' ? fromTransport(error) : new ClosedError()
    } finally {
      clearTimeout(timer)
    }
    if (this.#engine.phase !== 'open') throw new ClosedError()
  }

  /** The last failure of this attempt, which names host and port; else that nothing answered. */
  #lateness(stores: readonly Side[], before: readonly (ServerEventsError | undefined)[]): ServerEventsError {
    for (const [index, store] of stores.entries()) {
      const { state, lastError } = this.#engine.sides[store]
      if (state !== 'up' && lastError !== undefined && lastError !== before[index]) return lastError
    }
    return new ConnectionError(`not connected within ${this.#initTimeout} ms: is the server reachable? It is tried on`)
  }
}
