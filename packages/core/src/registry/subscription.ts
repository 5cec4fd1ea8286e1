import type { Topic } from '../transport'
import { noop } from '../base/reject-at-caller'
import { inRootContext } from '../base/context'
import { unrefTimeout } from '../base/clock'

/** What a subscription needs of the engine around it. */
export interface SubscriptionHost {
  /** How long an unused subscription stays, in ms. */
  readonly linger: number
  /** When a refused subscription that is still used is tried again, in ms. */
  readonly retry: number
  isOpen(): boolean
  subscribe(topic: Topic): Promise<void>
  unsubscribe(topic: Topic): Promise<void>
  stood(subscription: Subscription): void
  /** `told`: somebody waited for it and got the error. */
  refused(subscription: Subscription, error: unknown, told: boolean): void
  idle(subscription: Subscription): void
}

type State = 'idle' | 'subscribing' | 'standing' | 'unsubscribing'

interface Waiter {
  resolve(): void
  reject(error: unknown): void
}

/**
 * One topic: idle, subscribing, standing, unsubscribing, idle. It serialises the calls to the
 * transport and counts its users, so that a transport need not.
 */
export class Subscription {
  readonly topic: Topic
  readonly #host: SubscriptionHost
  #state: State = 'idle'
  #users = 0
  #usedSinceArmed = false
  #linger: NodeJS.Timeout | undefined
  #retry: NodeJS.Timeout | undefined
  #waiters: Waiter[] = []
  #lost: { readonly error: unknown } | undefined

  constructor(topic: Topic, host: SubscriptionHost) {
    this.topic = topic
    this.#host = host
  }

  get state(): State {
    return this.#state
  }

  /** A confirmation is under way: in flight, or to be asked for once the unsubscribe has settled. */
  get isAwaited(): boolean {
    return this.#state === 'subscribing' || (this.#state === 'unsubscribing' && this.#users > 0)
  }

  get isUsed(): boolean {
    return this.#users > 0
  }

  acquire(): void {
    this.#users++
    this.#usedSinceArmed = true
    this.ensure()
  }

  release(): void {
    this.#users--
    if (this.#users === 0) this.#unused()
  }

  /** Subscribes if nothing is under way. */
  ensure(): void {
    // For all who will wait: it is of no request.
    if (this.#state === 'idle' && this.#host.isOpen()) void inRootContext(() => this.#subscribe())
  }

  /** Resolves when the subscription stands; rejects when the broker refuses it. */
  standing(): Promise<void> {
    if (this.#state === 'standing') return Promise.resolve()
    return new Promise((resolve, reject) => {
      this.#waiters.push({ resolve, reject })
    })
  }

  /** The transport lost it for good; perhaps just after it stood, when the confirmation is still on its way here. */
  lost(error: unknown): void {
    if (this.#state === 'standing') this.#refused(error)
    else if (this.#state === 'subscribing') this.#lost = { error }
  }

  /** No timer of it is left behind; whoever waits for it is told. */
  close(error: Error): void {
    clearTimeout(this.#linger)
    clearTimeout(this.#retry)
    for (const waiter of this.#waiters.splice(0)) waiter.reject(error)
  }

  async #subscribe(): Promise<void> {
    clearTimeout(this.#retry)
    this.#state = 'subscribing'
    try {
      await this.#host.subscribe(this.topic)
    } catch (error) {
      if (this.#host.isOpen()) this.#refused(error)
      return
    }
    if (!this.#host.isOpen()) return
    if (this.#lost !== undefined) {
      this.#refused(this.#lost.error)
      return
    }
    this.#state = 'standing'
    for (const waiter of this.#waiters.splice(0)) waiter.resolve()
    this.#host.stood(this)
    if (this.#users === 0) this.#unused()
  }

  #refused(error: unknown): void {
    this.#state = 'idle'
    this.#lost = undefined
    const waiters = this.#waiters.splice(0)
    for (const waiter of waiters) waiter.reject(error)
    this.#host.refused(this, error, waiters.length > 0)
    if (this.#users === 0) this.#unused()
    else this.#retryLater()
  }

  /** Listeners are left: no wait may ever come to try afresh for them. */
  #retryLater(): void {
    this.#retry = unrefTimeout(() => {
      this.ensure()
    }, this.#host.retry)
  }

  #unused(): void {
    if (!this.#host.isOpen()) return
    if (this.#state === 'idle') {
      clearTimeout(this.#linger)
      clearTimeout(this.#retry)
      this.#host.idle(this)
    } else if (this.#state === 'standing') {
      if (this.#host.linger === 0) void inRootContext(() => this.#unsubscribe())
      else this.#arm()
    }
  }

  /** One timer for many short uses: a use in between starts the time anew when the timer fires. */
  #arm(): void {
    if (this.#linger !== undefined) return
    this.#usedSinceArmed = false
    this.#linger = unrefTimeout(() => {
      this.#linger = undefined
      if (this.#users > 0 || this.#state !== 'standing') return
      if (this.#usedSinceArmed) this.#arm()
      else void this.#unsubscribe()
    }, this.#host.linger)
  }

  async #unsubscribe(): Promise<void> {
    this.#state = 'unsubscribing'
    await this.#host.unsubscribe(this.topic).catch(noop)
    this.#state = 'idle'
    if (!this.#host.isOpen()) return
    if (this.#users > 0) void this.#subscribe()
    else this.#host.idle(this)
  }
}
