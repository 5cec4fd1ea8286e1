import type { EventKey, Message, Receiver, Store, Topic } from 'server-events'
import { NatsTransport } from '@server-events/nats'
import type { NatsClientOptions, NatsTransportOptions } from '@server-events/nats'
import { eventually } from '@server-events/testing'

export interface Heard {
  readonly key: EventKey
  readonly message: Message
}

/** Writes down what it is told. */
export class Recorder implements Receiver {
  readonly heard: Heard[] = []
  readonly log: string[] = []
  readonly errors: Error[] = []
  readonly causes: (Error | undefined)[] = []
  readonly losses: { readonly topic: Topic; readonly error: Error }[] = []

  wants(): boolean {
    return true
  }

  deliver(key: EventKey, message: Message): void {
    this.heard.push({ key, message })
  }

  state(store: Store, up: boolean, cause?: Error): void {
    this.log.push(`${store} ${up ? 'up' : 'down'}`)
    if (!up) this.causes.push(cause)
  }

  lost(topic: Topic, error: Error): void {
    this.log.push(`lost ${topic.name}`)
    this.losses.push({ topic, error })
  }

  error(_store: Store, error: Error): void {
    this.errors.push(error)
  }

  get bodies(): (string | Uint8Array)[] {
    return this.heard.map(({ message }) => message.body)
  }

  ups(store: Store): number {
    return this.log.filter((line) => line === `${store} up`).length
  }
}

export interface Open {
  readonly transport: NatsTransport
  readonly receiver: Recorder
}

const opened: NatsTransport[] = []

/** A transport with its receiver; closed by `closeAll`. */
export function open(at: { readonly port: number }, options: NatsClientOptions & NatsTransportOptions = {}): Open {
  const transport = new NatsTransport({ servers: `127.0.0.1:${at.port}`, ...options })
  opened.push(transport)
  const receiver = new Recorder()
  transport.attach(receiver)
  return { transport, receiver }
}

export async function closeAll(): Promise<void> {
  await Promise.all(opened.splice(0).map((transport) => transport.close()))
}

export const event = (body: string): Message => ({ kind: 'event', body })

/** Publishes and waits until the subscriber has heard it: what was published before has then arrived, or never will. */
export async function sentinel(publisher: Open, subscriber: Open, key: EventKey): Promise<void> {
  const body = `sentinel ${Math.random()}`
  await publisher.transport.publish(key, event(body))
  await eventually(() => subscriber.receiver.bodies.includes(body))
}

/** What a promise rejects with; an error if it resolves. */
export async function rejection(promise: Promise<unknown>): Promise<Error & { code?: string; channel?: string }> {
  try {
    await promise
  } catch (error) {
    return error as Error
  }
  throw new Error('it resolved')
}
