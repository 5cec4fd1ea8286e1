import type { EventKey, Message, Receiver, Topic, Transport } from 'server-events'
import { errorOf } from '../texts'
import type { VirtualTime } from '../virtual-time'

/** A server between several processes: what is published reaches whoever is subscribed and there, `latency` ms later. */
export class Hub {
  latency = 1
  readonly #time: VirtualTime
  readonly #members = new Set<Member>()

  constructor(time: VirtualTime) {
    this.#time = time
  }

  join(): Member {
    const member = new Member(this.#time, this)
    this.#members.add(member)
    return member
  }

  /** As after kill -9: nothing goes there or comes from there any more. */
  drop(member: Member): void {
    this.#members.delete(member)
  }

  isThere(member: Member): boolean {
    return this.#members.has(member)
  }

  publish(key: EventKey, message: Message): void {
    for (const member of this.#members) member.hear(key, message)
  }
}

/** One process at the hub. */
export class Member implements Transport {
  readonly routing = 'name'
  readonly questions = true
  readonly #time: VirtualTime
  readonly #hub: Hub
  readonly #topics = new Map<string, { readonly topic: Topic; confirmed: boolean; confirm: () => void }>()
  #receiver: Receiver | undefined
  /** Counts connections; undefined while there is none. */
  #connection: number | undefined = 1
  #connections = 1
  #deaf = false
  #told = false
  #closed = false

  constructor(time: VirtualTime, hub: Hub) {
    this.#time = time
    this.#hub = hub
  }

  attach(receiver: Receiver): void {
    this.#receiver = receiver
  }

  connect(): Promise<void> {
    return Promise.resolve()
  }

  publish(key: EventKey, message: Message): Promise<void> {
    const connection = this.#connection
    if (connection === undefined || this.#closed) return Promise.reject(errorOf('ERR_CONNECTION'))
    return new Promise((resolve, reject) => {
      this.#time.arrive(this.#time.now + this.#hub.latency, () => {
        if (!this.#hub.isThere(this) || this.#connection !== connection) {
          reject(errorOf('ERR_UNCERTAIN'))
          return
        }
        this.#hub.publish(key, message)
        resolve()
      })
    })
  }

  subscribe(topic: Topic): Promise<void> {
    return new Promise((confirm) => {
      this.#topics.set(JSON.stringify(topic), { topic, confirmed: false, confirm })
      this.#time.arrive(this.#time.now + this.#hub.latency, () => this.#restore())
    })
  }

  unsubscribe(topic: Topic): Promise<void> {
    this.#topics.delete(JSON.stringify(topic))
    return Promise.resolve()
  }

  close(): Promise<void> {
    this.#closed = true
    this.#hub.drop(this)
    return Promise.resolve()
  }

  /** The connection breaks; another one stands after `ms`. */
  cut(ms: number): void {
    if (this.#connection === undefined || this.#closed) return
    this.#connection = undefined
    this.#deaf = false
    for (const each of this.#topics.values()) each.confirmed = false
    if (this.#told) this.#receiver?.state('outputStore', false, errorOf('ERR_CONNECTION'))
    this.#told = false
    this.#time.arrive(this.#time.now + ms, () => {
      this.#connection = ++this.#connections
      this.#restore()
    })
  }

  /** Half-open: it publishes and hears nothing, which is noticed after `ms`. */
  deafen(ms: number): void {
    const connection = this.#connection
    if (connection === undefined || this.#deaf) return
    this.#deaf = true
    this.#time.arrive(this.#time.now + ms, () => {
      if (this.#connection === connection) this.cut(5)
    })
  }

  hear(key: EventKey, message: Message): void {
    const connection = this.#connection
    const label = key.id.split('~').at(-1)
    const isHeard = [...this.#topics.values()].some(
      ({ topic: { name, home }, confirmed }) =>
        confirmed && name === key.name && (home === undefined || home === label),
    )
    if (!isHeard) return
    this.#time.arrive(this.#time.now + this.#hub.latency, () => {
      if (this.#connection !== connection || this.#deaf || this.#closed || !this.#hub.isThere(this)) return
      if (this.#receiver?.wants(key) === true) this.#receiver.deliver(key, message)
    })
  }

  #restore(): void {
    if (this.#connection === undefined || this.#deaf || this.#closed) return
    for (const each of this.#topics.values()) {
      if (each.confirmed) continue
      each.confirmed = true
      each.confirm()
    }
    if (this.#told || this.#topics.size === 0) return
    this.#told = true
    // When the reactions of what was confirmed have run, as the contract has it.
    this.#time.arrive(this.#time.now, () => {
      if (this.#told) this.#receiver?.state('outputStore', true)
    })
  }
}
