import type { EventKey, Message, Receiver, Side, Topic, Transport } from 'server-events'
import { describeError } from './support/show'

export interface Heard {
  readonly key: EventKey
  readonly message: Message
}

/** Messages that only prove that a subscription stands begin like this, and do not count as heard. */
export const PROBE_MARK = '["probe'

/** A transport with a receiver that writes down everything it is told. */
export class Peer implements Receiver {
  /** What was told, in order: 'inputStore up', 'lost a', 'deliver a 1'. */
  readonly log: string[] = []
  readonly heard: Heard[] = []
  readonly probes: EventKey[] = []
  readonly losses: { readonly topic: Topic; readonly error: Error }[] = []
  /** Every error that it was given, and how: 'told inputStore'. */
  readonly errors: { readonly how: string; readonly error: unknown }[] = []
  /** The keys that `wants` was asked for. */
  readonly asked: EventKey[] = []
  /** What `wants` answers. */
  wanted: (key: EventKey) => boolean = () => true
  /** Called inside `deliver` and `state`, after they are written down. */
  onDeliver: (heard: Heard) => void = () => {}
  onState: (store: Side, up: boolean) => void = () => {}

  readonly transport: Transport
  /** Which one of its case it is. */
  readonly number: number

  constructor(transport: Transport, number = 0) {
    this.transport = transport
    this.number = number
  }

  /** The bodies that arrived, as text. */
  get bodies(): string[] {
    return this.heard.map(({ message }) => textOf(message))
  }

  states(store: Side): boolean[] {
    const told = this.log.filter((line) => line === `${store} up` || line === `${store} down`)
    return told.map((line) => line.endsWith('up'))
  }

  ups(store: Side): number {
    return this.states(store).filter(Boolean).length
  }

  /** Resolves, as a promise reaction of it, when the store is told to be so the next time. */
  next(store: Side, up: boolean): Promise<void> {
    const before = this.onState
    return new Promise((resolve) => {
      this.onState = (...told) => {
        before(...told)
        if (told[0] === store && told[1] === up) resolve()
      }
    })
  }

  wants(key: EventKey): boolean {
    this.asked.push({ ...key })
    return this.wanted(key)
  }

  deliver(key: EventKey, message: Message): void {
    if (textOf(message).startsWith(PROBE_MARK)) {
      this.probes.push(key)
      return
    }
    this.log.push(`deliver ${key.name} ${key.id}`)
    const heard = { key, message }
    this.heard.push(heard)
    this.onDeliver(heard)
  }

  state(store: Side, up: boolean, cause?: Error): void {
    this.log.push(`${store} ${up ? 'up' : 'down'}`)
    if (cause !== undefined) this.errors.push({ how: `told of ${store}, as the cause that it is down,`, error: cause })
    this.onState(store, up)
  }

  lost(topic: Topic, error: Error): void {
    this.log.push(`lost ${topic.name}`)
    this.losses.push({ topic, error })
    this.errors.push({ how: 'told of a lost topic, with', error })
  }

  error(store: Side, error: Error): void {
    this.log.push(`${store} error ${describeError(error)}`)
    this.errors.push({ how: `told of ${store}:`, error })
  }
}

function textOf({ body }: Message): string {
  return typeof body === 'string' ? body : Buffer.from(body).toString('latin1')
}
