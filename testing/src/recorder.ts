import type { EventKey, Message, Receiver, Side, Topic, Transport } from 'server-events'
import { eventually } from './eventually'

interface Heard {
  readonly key: EventKey
  readonly message: Message
}

/** A receiver that writes down what a transport tells it. */
export class Recorder implements Receiver {
  readonly heard: Heard[] = []
  /** `inputStore up`, `outputStore down`, `lost report`. */
  readonly log: string[] = []
  readonly errors: (Error & { code?: string })[] = []
  /** Why a side went down, for each time. */
  readonly causes: (Error | undefined)[] = []
  readonly losses: { readonly topic: Topic; readonly error: Error }[] = []

  wants(): boolean {
    return true
  }

  deliver(key: EventKey, message: Message): void {
    this.heard.push({ key, message })
  }

  state(store: Side, up: boolean, cause?: Error): void {
    this.log.push(`${store} ${up ? 'up' : 'down'}`)
    if (!up) this.causes.push(cause)
  }

  lost(topic: Topic, error: Error): void {
    this.log.push(`lost ${topic.name}`)
    this.losses.push({ topic, error })
  }

  error(_store: Side, error: Error): void {
    this.errors.push(error)
  }

  get bodies(): (string | Uint8Array)[] {
    return this.heard.map(({ message }) => message.body)
  }

  ups(store: Side): number {
    return this.#count(`${store} up`)
  }

  downs(store: Side): number {
    return this.#count(`${store} down`)
  }

  #count(wanted: string): number {
    return this.log.filter((line) => line === wanted).length
  }
}

/** A transport, and what it tells. */
export interface Recorded<T extends Transport = Transport> {
  readonly transport: T
  readonly receiver: Recorder
}

export const event = (body: string | Uint8Array): Message => ({ kind: 'event', body })

/** Publishes and waits until the subscriber has heard it: what was published before has then arrived, or never will. */
export async function sentinel(publisher: Recorded, subscriber: Recorded, key: EventKey): Promise<void> {
  const body = `sentinel ${Math.random()}`
  await publisher.transport.publish(key, event(body))
  await eventually(() => subscriber.receiver.bodies.includes(body))
}

/** What a promise rejects with; an error if it resolves. */
export async function rejection(
  promise: Promise<unknown>,
): Promise<Error & { code?: string; channel?: string; sent?: boolean }> {
  try {
    await promise
  } catch (error) {
    return error as Error
  }
  throw new Error('it resolved')
}
