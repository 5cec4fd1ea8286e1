import type { EventKey, Message, Receiver, Side, Topic } from 'server-events'
import type { RedisTransport } from '@server-events/redis'
import { eventually } from '@server-events/testing'

type Call =
  | { readonly type: 'deliver'; readonly key: EventKey; readonly message: Message }
  | { readonly type: 'state'; readonly store: Side; readonly up: boolean; readonly cause: Error | undefined }
  | { readonly type: 'lost'; readonly topic: Topic; readonly error: Error }
  | { readonly type: 'error'; readonly store: Side; readonly error: Error }

/** Writes down what a transport tells it. */
export class RecordingReceiver implements Receiver {
  readonly calls: Call[] = []
  /** What `wants` says; may be replaced. */
  wanted: (key: EventKey) => boolean = () => true

  wants(key: EventKey): boolean {
    return this.wanted(key)
  }
  deliver(key: EventKey, message: Message): void {
    this.calls.push({ type: 'deliver', key, message })
  }
  state(store: Side, up: boolean, cause?: Error): void {
    this.calls.push({ type: 'state', store, up, cause })
  }
  lost(topic: Topic, error: Error): void {
    this.calls.push({ type: 'lost', topic, error })
  }
  error(store: Side, error: Error): void {
    this.calls.push({ type: 'error', store, error })
  }

  get delivered(): { key: EventKey; message: Message }[] {
    return this.calls.flatMap((call) => (call.type === 'deliver' ? [{ key: call.key, message: call.message }] : []))
  }

  /** The ids that arrived, in order. */
  get ids(): string[] {
    return this.delivered.map(({ key }) => key.id)
  }

  errors(store?: Side): Error[] {
    return this.calls.flatMap((call) =>
      call.type === 'error' && (store === undefined || call.store === store) ? [call.error] : [],
    )
  }

  get losses(): { topic: Topic; error: Error }[] {
    return this.calls.flatMap((call) => (call.type === 'lost' ? [{ topic: call.topic, error: call.error }] : []))
  }

  states(store: Side): boolean[] {
    return this.calls.flatMap((call) => (call.type === 'state' && call.store === store ? [call.up] : []))
  }

  isUp(store: Side): boolean {
    return this.states(store).at(-1) ?? false
  }

  /** Resolves when the store has come up for the nth time. */
  async up(store: Side, times = 1): Promise<void> {
    await eventually(() => this.states(store).filter(Boolean).length >= times)
  }

  async arrived(id: string): Promise<void> {
    await eventually(() => this.ids.includes(id))
  }
}

const attachedOnes: RedisTransport[] = []
afterEach(async () => {
  await Promise.all(attachedOnes.splice(0).map((transport) => transport.close()))
})

/** A transport with a receiver, closed after the test and before what the test file stops itself. */
export function attached(transport: RedisTransport): { transport: RedisTransport; receiver: RecordingReceiver } {
  const receiver = new RecordingReceiver()
  transport.attach(receiver)
  attachedOnes.push(transport)
  return { transport, receiver }
}

export const event = (body: string, more: Partial<Message> = {}): Message => ({ kind: 'event', body, ...more })

/** How a promise settles, asked at once so that a rejection never counts as unhandled. */
export function outcome(promise: Promise<unknown>): Promise<unknown> {
  return promise.then(
    () => 'resolved',
    (error: unknown) => error,
  )
}
