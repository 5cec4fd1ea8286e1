import { performance } from 'node:perf_hooks'
import type { NatsConnection } from '@nats-io/transport-node'

/** How long to wait for the server's time, in ms. */
const TIMEOUT = 2_000

/** So that the server forgets the consumer by itself, in ns. */
const INACTIVE = 1_000_000_000

/**
 * What time it is at the server. An outcome that is stored carries the server's time, and clocks of
 * waiters may be minutes off. The server tells the time beside what it tells of a stream, from 2.10
 * on; an older one tells when a consumer was made. Where neither may be asked, it is our own clock.
 */
export class ServerClock {
  /** Server's time less the monotonic clock, in ms. */
  #offset: number | undefined
  #asked: Promise<void> | undefined
  /** There was no answer in time: it may have been behind a long message. */
  #isLate = false
  readonly #client: NatsConnection
  readonly #stream: string

  constructor(client: NatsConnection, stream: string) {
    this.#client = client
    this.#stream = stream
  }

  /** `text` is when the server answered what was asked `since`, by the monotonic clock, and is answered just now. */
  learn(text: unknown, since: number): void {
    const time = typeof text === 'string' ? Date.parse(text) : NaN
    // On average it wrote that half-way.
    if (!Number.isNaN(time)) this.#offset = time - (since + performance.now()) / 2
  }

  /** In ms since 1970. */
  async now(): Promise<number> {
    if (this.#offset === undefined) await (this.#asked ??= this.#ask())
    // The next one asks again.
    if (this.#offset === undefined && this.#isLate) this.#asked = undefined
    return this.#offset === undefined ? Date.now() : performance.now() + this.#offset
  }

  async #ask(): Promise<void> {
    this.#isLate = false
    await this.#learnFrom(`$JS.API.STREAM.INFO.${this.#stream}`, {}, 'ts')
    if (this.#offset !== undefined) return
    const config = { ack_policy: 'none', deliver_policy: 'new', inactive_threshold: INACTIVE, mem_storage: true }
    await this.#learnFrom(
      `$JS.API.CONSUMER.CREATE.${this.#stream}`,
      { stream_name: this.#stream, config: { ...config, num_replicas: 1 } },
      'created',
    )
  }

  async #learnFrom(subject: string, request: object, field: 'ts' | 'created'): Promise<void> {
    const since = performance.now()
    try {
      const answer = await this.#client.request(subject, JSON.stringify(request), { timeout: TIMEOUT })
      this.learn(answer.json<Record<string, unknown>>()[field], since)
    } catch (error) {
      // Else it may not be asked, or there is nobody who knows.
      if ((error as Error).name === 'TimeoutError') this.#isLate = true
    }
  }
}
