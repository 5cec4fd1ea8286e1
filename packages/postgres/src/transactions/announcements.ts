import { AsyncResource } from 'node:async_hooks'
import { createHash } from 'node:crypto'
import { performance } from 'node:perf_hooks'
import type { EventKey, Message, Transport } from 'server-events'
import { encodeEvent, withTimeout } from 'server-events/transport-kit'
import { Batcher } from '../session/batcher'
import type { Kept } from './transaction'

/** Who has not committed for so long, in ms, has rolled back, or is found by the last look of the waits. */
const REMEMBERED = 60_000

/** How many are remembered. */
const MOST = 10_000

/** How long the end of the transport waits for what is still to be told, in ms: without a server it cannot be. */
const LAST_WORDS = 5_000

/** How many are read at a time. */
const AT_A_TIME = 512

interface Pending {
  readonly key: EventKey
  /** What was stored, as `seal` makes it of the text: whether it was committed is told by what is in the table. */
  readonly stored: string
  readonly seal: (text: string) => string
  readonly until: number
  told: boolean
}

/** Tells of what was stored in transactions of the user's, once it is committed. */
export class Announcements {
  readonly #transport: Transport
  /** Connections that are opened here serve everybody, and belong to no caller. */
  readonly #context = new AsyncResource('server-events.announcements')
  /** Of transactions of ours that are over: those that end while some are read are read together, after them. */
  readonly #over = new Batcher<Pending>(
    { count: AT_A_TIME, size: Infinity, rests: true },
    () => 0,
    (batch) => this.#tellCommitted(batch).catch(ignore),
  )
  /** Of transactions of others, in the order of asking. */
  #pending: Pending[] = []
  #running: Promise<void> | undefined
  /** For all who have asked while it runs. */
  #next: Promise<void> | undefined

  constructor(transport: Transport) {
    this.#transport = transport
  }

  /**
   * Of a transaction that is over: tells what is in the table. How it ended does not say it: a part may have been rolled
   * back to a savepoint, or all of it by the user's own ROLLBACK. What cannot be told the waits find by their last look.
   */
  ended(kept: readonly Kept[]): void {
    for (const one of pendingOf(kept, itself)) this.#over.add(one)
  }

  /** Resolves when all transactions that are over have been told of, soon in any case; `undefined` if nothing is left to tell. */
  lastWords(): Promise<void> | undefined {
    if (this.#over.isIdle) return undefined
    return withTimeout(LAST_WORDS, this.#over.idle(), () => new Error('too late')).catch(ignore)
  }

  /** Until the next `announce` that finds it committed. */
  remember(kept: readonly Kept[]): void {
    const now = performance.now()
    for (const one of pendingOf(kept, digestOf)) this.#pending.push(one)
    const surplus = this.#pending.length - MOST
    // What was asked first is over first: to look at all of them each time would make many transactions dear.
    const first = this.#pending.findIndex(({ told, until }, index) => index >= surplus && !told && until > now)
    this.#pending.splice(0, first < 0 ? this.#pending.length : first)
  }

  /**
   * Resolves when what is committed was told; rejects with the first that could not be. The rest stays. One reads the
   * table for all who ask meanwhile, or each of many transactions would read what all the others have pending.
   */
  announce(): Promise<void> {
    if (!this.#running) return this.#start()
    this.#next ??= this.#running.catch(ignore).then(() => {
      this.#next = undefined
      return this.#start()
    })
    return this.#next
  }

  #start(): Promise<void> {
    const running = this.#announce().finally(() => (this.#running = undefined))
    this.#running = running
    return running
  }

  async #announce(): Promise<void> {
    try {
      await this.#tellCommitted(this.#pending.filter((one) => !one.told))
    } finally {
      this.#pending = this.#pending.filter((one) => !one.told)
    }
  }

  async #tellCommitted(pending: readonly Pending[]): Promise<void> {
    const told: Promise<void>[] = []
    let failure: Error | undefined
    for (let i = 0; i < pending.length; i += AT_A_TIME) {
      const asked = pending.slice(i, i + AT_A_TIME)
      const answers = await this.#recall(asked.map(({ key }) => key))
      for (const [index, one] of asked.entries()) {
        const found = answers[index]
        if (found instanceof Error) failure ??= found
        else if (found && !one.told && isStill(one, found)) told.push(this.#tell(one, found))
      }
    }
    const results = await Promise.allSettled(told)
    const [rejected] = results.filter((result) => result.status === 'rejected')
    if (rejected ?? failure) throw rejected ? (rejected.reason as Error) : (failure as Error)
  }

  async #tell(one: Pending, message: Message): Promise<void> {
    one.told = true
    try {
      await this.#publish(one.key, message)
    } catch (error) {
      one.told = false
      throw error
    }
  }

  #publish(key: EventKey, message: Message): Promise<void> {
    return this.#context.runInAsyncScope(() => this.#transport.publish(key, message))
  }

  #recall(keys: readonly EventKey[]): Promise<(Message | undefined | Error)[]> {
    return this.#context.runInAsyncScope(async () => this.#transport.keeper?.recall(keys) ?? [])
  }
}

function pendingOf(kept: readonly Kept[], seal: Pending['seal']): Pending[] {
  const until = performance.now() + REMEMBERED
  return kept.map(({ key, text }) => ({ key, stored: seal(text), seal, until, told: false }))
}

function isStill({ key, stored, seal }: Pending, found: Message): boolean {
  return seal(encodeEvent(key, found)) === stored
}

/** What is told of at once may be as long as it is. */
function itself(text: string): string {
  return text
}

/** For a minute much may be remembered. */
function digestOf(text: string): string {
  return createHash('sha256').update(text).digest('base64')
}

function ignore(): void {
  // Waits find it by their last look.
}
