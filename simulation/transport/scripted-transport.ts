import type { EventKey, Keeper, Message, Receiver, Topic, Transport } from 'server-events'
import type { Setup } from '../scenario'
import type { VirtualTime } from '../virtual-time'
import { Broker } from './broker'
import type { Observer } from './observer'
import { PublishingSide } from './publishing-side'
import { SubscribingSide } from './subscribing-side'
import { Weather } from './weather'

/** How long `close` takes, in ms. */
const closing = 3

/** A transport with a keeper over a broker that does what a scenario says, and the contract as it binds the engine. */
export class ScriptedTransport implements Transport {
  readonly routing: Transport['routing']
  readonly homes: boolean
  readonly keeper: Keeper
  readonly weather: Weather
  readonly broker: Broker
  readonly input: PublishingSide
  readonly output: SubscribingSide
  readonly #time: VirtualTime
  readonly #observer: Observer
  #receiver: Receiver | undefined
  #closed: Promise<void> | undefined

  constructor(time: VirtualTime, { routing, home, dial, latency }: Setup, observer: Observer) {
    this.#time = time
    this.#observer = observer
    this.routing = routing
    this.homes = routing === 'id' && home !== 'none'
    this.weather = new Weather(latency)
    this.broker = new Broker(this.weather)
    this.input = new PublishingSide(time, this.weather, this.broker, observer, dial)
    this.output = new SubscribingSide(time, this.weather, this.broker, observer, dial)
    this.keeper = {
      once: true,
      publish: (key, message, keepMs, once) => this.input.publish(key, message, keepMs, once),
      recall: (keys) => this.input.recall(keys),
      forget: (key) => this.input.forget(key),
    }
  }

  attach(receiver: Receiver): void {
    if (this.#receiver !== undefined) this.#observer.violated('attach() for the second time')
    this.#receiver = this.input.receiver = this.output.receiver = receiver
  }

  connect(): Promise<void> {
    return this.input.connect()
  }

  publish(key: EventKey, message: Message): Promise<void> {
    return this.input.publish(key, message, 0)
  }

  subscribe(topic: Topic): Promise<void> {
    return this.output.subscribe(topic)
  }

  unsubscribe(topic: Topic): Promise<void> {
    return this.output.unsubscribe(topic)
  }

  close(): Promise<void> {
    this.#closed ??= new Promise((resolve) => {
      this.#observer.closing()
      this.input.close()
      this.output.close()
      this.#time.arrive(this.#time.now + closing, () => {
        resolve()
      })
    })
    return this.#closed
  }
}
