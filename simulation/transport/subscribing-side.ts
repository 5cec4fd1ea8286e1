import type { EventKey, Message, Receiver, Topic } from 'server-events'
import { errorOf, keyText, topicText } from '../texts'
import type { VirtualTime } from '../virtual-time'
import type { Broker } from './broker'
import type { Observer } from './observer'
import { Pipe } from './pipe'
import type { Weather } from './weather'

/** One call of `subscribe` and what became of it. */
export interface Call {
  readonly topic: Topic
  readonly since: number
  state: 'subscribing' | 'standing' | 'unsubscribing'
  /** A request whose reply has not come on this connection. */
  asked: boolean
  resolve(): void
  reject(error: Error): void
}

/** The connection that hears, with the contract of `subscribe`, `unsubscribe`, `state` and `lost`. */
export class SubscribingSide {
  receiver!: Receiver
  readonly calls = new Map<string, Call>()
  /** Messages that have left the server and that this process has not read. */
  readonly underWay = new Set<{ readonly at: number; readonly key: string }>()
  readonly #time: VirtualTime
  readonly #weather: Weather
  readonly #broker: Broker
  readonly #observer: Observer
  readonly #dial: number
  #state: 'idle' | 'away' | 'restoring' | 'up' | 'closed' = 'idle'
  #epoch = 0
  #frozen = false
  #requests = new Pipe()
  #replies = new Pipe()

  constructor(time: VirtualTime, weather: Weather, broker: Broker, observer: Observer, dial: number) {
    this.#time = time
    this.#weather = weather
    this.#broker = broker
    this.#observer = observer
    this.#dial = dial
    broker.send = (at, key, message) => this.#send(at, key, message)
  }

  subscribe(topic: Topic): Promise<void> {
    const present = this.calls.get(topicText(topic))
    if (present !== undefined) this.#observer.violated(`subscribe(${topicText(topic)}) while it is ${present.state}`)
    if (this.#state === 'closed') this.#observer.violated(`subscribe(${topicText(topic)}) after close`)
    return new Promise<void>((resolve, reject) => {
      const call: Call = { topic, since: this.#time.now, state: 'subscribing', asked: false, resolve, reject }
      this.calls.set(topicText(topic), call)
      this.#observer.log(`  subscribe(${topicText(topic)})`)
      if (this.#state === 'idle') this.#connect(this.#dial)
      if (this.#state === 'up' || this.#state === 'restoring') this.#ask(call)
    })
  }

  unsubscribe(topic: Topic): Promise<void> {
    const call = this.calls.get(topicText(topic))
    this.#observer.log(`  unsubscribe(${topicText(topic)})`)
    if (call?.state !== 'standing') {
      this.#observer.violated(`unsubscribe(${topicText(topic)}) while it is ${call?.state ?? 'idle'}`)
      return Promise.resolve()
    }
    if (this.#state === 'closed') this.#observer.violated(`unsubscribe(${topicText(topic)}) after close`)
    this.#observer.unsubscribing(topic)
    call.state = 'unsubscribing'
    return new Promise<void>((resolve) => {
      call.resolve = resolve
      if (this.#state !== 'up' && this.#state !== 'restoring') {
        this.#unsubscribed(call)
        return
      }
      const epoch = this.#epoch
      this.#time.outside(this.#requests.after(this.#time.now, this.#weather.delays.unsubscribe), (at) => {
        if (epoch !== this.#epoch) return
        this.#broker.subscribed.delete(topicText(topic))
        this.#reply(at, () => this.#unsubscribed(call))
      })
    })
  }

  /** The connection breaks; another one stands, before its subscriptions, after `ms`. */
  cut(ms: number): void {
    if (this.#state === 'idle' || this.#state === 'closed' || this.#state === 'away') return
    const wasUp = this.#state === 'up'
    this.#state = 'away'
    this.#broker.subscribed.clear()
    for (const call of this.calls.values()) {
      call.asked = false
      if (call.state === 'unsubscribing') this.#unsubscribed(call)
    }
    if (wasUp) {
      this.#observer.outputDown()
      this.receiver.state('outputStore', false, errorOf('ERR_CONNECTION'))
    } else {
      this.#observer.outputUnreached()
      this.receiver.error('outputStore', errorOf('ERR_CONNECTION'))
    }
    this.#connect(ms)
  }

  /** Nothing is heard any more, until the heartbeat notices after `ms`. */
  freeze(ms: number): void {
    if (this.#state !== 'up' && this.#state !== 'restoring') return
    this.#frozen = true
    const epoch = this.#epoch
    this.#time.arrive(this.#time.now + ms, () => {
      if (epoch === this.#epoch) this.cut(5)
    })
  }

  refuse(name: string): void {
    for (const topic of this.#broker.refuse(name)) {
      this.#reply(this.#time.now, () => {
        const call = this.calls.get(topicText(topic))
        if (call?.state === 'standing') this.#lost(call)
      })
    }
  }

  close(): void {
    this.#state = 'closed'
    this.#epoch++
    this.#broker.subscribed.clear()
    for (const call of this.calls.values()) if (call.state === 'subscribing') call.reject(errorOf('ERR_CLOSED'))
  }

  #connect(ms: number): void {
    this.#state = 'away'
    this.#epoch++
    this.#frozen = false
    this.#requests = new Pipe()
    this.#replies = new Pipe()
    this.underWay.clear()
    const epoch = this.#epoch
    this.#time.arrive(this.#time.now + ms, () => {
      if (epoch !== this.#epoch) return
      this.#state = 'restoring'
      for (const call of this.calls.values()) this.#ask(call)
      this.#upWhenRestored()
    })
  }

  #ask(call: Call): void {
    const epoch = this.#epoch
    call.asked = true
    this.#time.outside(this.#requests.after(this.#time.now, this.#weather.delays.subscribe), (at) => {
      if (epoch !== this.#epoch) return
      const accepted = this.#broker.subscribe(call.topic)
      this.#reply(at, () => {
        call.asked = false
        this.#answered(call, accepted)
        this.#upWhenRestored()
      })
    })
  }

  #answered(call: Call, accepted: boolean): void {
    if (call.state === 'subscribing') {
      if (accepted) {
        call.state = 'standing'
        this.#observer.stood(call.topic)
        call.resolve()
      } else {
        this.calls.delete(topicText(call.topic))
        this.#observer.refused(call.topic)
        call.reject(errorOf('ERR_FORBIDDEN'))
      }
    } else if (call.state === 'standing' && !accepted) this.#lost(call)
  }

  #lost(call: Call): void {
    this.calls.delete(topicText(call.topic))
    this.#observer.lost(call.topic)
    this.receiver.lost(call.topic, errorOf('ERR_FORBIDDEN'))
  }

  #unsubscribed(call: Call): void {
    this.calls.delete(topicText(call.topic))
    this.#observer.unsubscribed(call.topic)
    call.resolve()
  }

  #upWhenRestored(): void {
    if (this.#state !== 'restoring' || [...this.calls.values()].some(({ asked }) => asked)) return
    this.#state = 'up'
    this.#observer.outputUp()
    this.receiver.state('outputStore', true)
  }

  #send(at: number, key: EventKey, message: Message): void {
    const epoch = this.#epoch
    const arrival = { at: this.#replies.after(at, this.#weather.delays.deliver), key: keyText(key) }
    if (!this.#frozen) this.underWay.add(arrival)
    this.#time.arrive(arrival.at, () => {
      this.underWay.delete(arrival)
      if (epoch !== this.#epoch || this.#frozen) return
      this.#observer.delivering(key, message, () => {
        if (this.receiver.wants(key)) this.receiver.deliver(key, message)
      })
    })
  }

  #reply(at: number, callback: () => void): void {
    const epoch = this.#epoch
    this.#time.arrive(this.#replies.after(at, this.#weather.delays.deliver), () => {
      if (epoch === this.#epoch && !this.#frozen) callback()
    })
  }
}
