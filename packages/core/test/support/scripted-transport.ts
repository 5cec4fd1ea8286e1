// Also run, compiled alone, by child processes on the built package: it imports types only.
import type { EventKey, Keeper, Message, Receiver, Side, Topic, Transport } from 'server-events'

export interface Publish {
  readonly key: EventKey
  readonly message: Message
  /** 0: not kept. */
  readonly keepMs: number
}

export type Recalled = (Message | undefined | Error)[]

/** One call of the engine, open until it is answered. */
class Call<A, T> {
  readonly promise: Promise<T>
  resolve!: (value: T) => void
  reject!: (error: unknown) => void

  constructor(
    readonly asked: A,
    private readonly usual: (asked: A) => T,
  ) {
    this.promise = new Promise<T>((resolve, reject) => {
      this.resolve = resolve
      this.reject = reject
    })
  }

  /** As the transport answers by default. */
  answer(): void {
    this.resolve(this.usual(this.asked))
  }
}

/** The calls of one method, in order. Each is answered at once or, while `manual`, when the test says so. */
class Script<A, T> {
  manual = false
  readonly calls: Call<A, T>[] = []

  constructor(
    private readonly note: (asked: A) => void,
    private readonly usual: (asked: A) => T,
  ) {}

  call(asked: A): Promise<T> {
    this.note(asked)
    const call = new Call(asked, this.usual)
    this.calls.push(call)
    if (!this.manual) void Promise.resolve().then(() => call.answer())
    return call.promise
  }

  get count(): number {
    return this.calls.length
  }

  get last(): Call<A, T> {
    const call = this.calls.at(-1)
    if (call === undefined) throw new Error('it was not called')
    return call
  }

  /** Answers what is open, and all that comes, as by default. */
  release(): void {
    this.manual = false
    for (const call of this.calls) call.answer()
  }
}

export type Scripted = 'connect' | 'subscribe' | 'unsubscribe' | 'publish' | 'recall' | 'forget' | 'close'

export interface ScriptedOptions {
  readonly routing?: 'name' | 'id'
  readonly homes?: boolean
  readonly questions?: boolean
  readonly keeper?: boolean
  /** The methods that the test answers; the others answer at once. */
  readonly manual?: readonly Scripted[]
}

/** A transport whose every answer the test scripts. By default it answers at once and loops messages back. */
export class ScriptedTransport implements Transport {
  readonly routing: 'name' | 'id'
  readonly homes: boolean
  readonly questions?: true
  readonly keeper?: Keeper
  receiver!: Receiver
  /** Every call, as `method name[:id]`, in order. */
  readonly log: string[] = []
  readonly kept = new Map<string, Message>()
  readonly connects = new Script<undefined, void>(
    () => this.log.push('connect'),
    () => this.firstUp('inputStore'),
  )
  readonly subscribes = new Script<Topic, void>(
    (topic) => this.log.push(`subscribe ${address(topic)}`),
    (topic) => {
      this.heard.add(address(topic))
      // After the answer, as the contract has it.
      void Promise.resolve().then(() => this.firstUp('outputStore'))
    },
  )
  readonly unsubscribes = new Script<Topic, void>(
    (topic) => {
      this.log.push(`unsubscribe ${address(topic)}`)
      this.heard.delete(address(topic))
    },
    () => {},
  )
  readonly publishes = new Script<Publish, void>(
    ({ key, keepMs }) => this.log.push(`${keepMs > 0 ? 'keep' : 'publish'} ${address(key)}`),
    (publish) => this.loop(publish),
  )
  readonly recalls = new Script<readonly EventKey[], Recalled>(
    (keys) => this.log.push(`recall ${keys.map(address).join(' ')}`),
    (keys) => keys.map((key) => this.kept.get(address(key))),
  )
  readonly forgets = new Script<EventKey, void>(
    (key) => this.log.push(`forget ${address(key)}`),
    (key) => {
      this.kept.delete(address(key))
    },
  )
  readonly closes = new Script<undefined, void>(
    () => this.log.push('close'),
    () => {},
  )
  private readonly heard = new Set<string>()
  private readonly states: Record<Side, boolean | undefined> = { inputStore: undefined, outputStore: undefined }

  constructor({
    routing = 'name',
    homes = false,
    questions = false,
    keeper = false,
    manual = [],
  }: ScriptedOptions = {}) {
    this.routing = routing
    this.homes = homes
    if (questions) this.questions = true
    if (keeper) {
      this.keeper = {
        publish: (key, message, keepMs) => this.publishes.call({ key, message, keepMs }),
        recall: (keys) => this.recalls.call(keys),
        forget: (key) => this.forgets.call(key),
      }
    }
    for (const method of manual) this.scripts[method].manual = true
  }

  // What the engine calls

  attach(receiver: Receiver): void {
    this.receiver = receiver
  }

  connect(): Promise<void> {
    return this.connects.call(undefined)
  }

  publish(key: EventKey, message: Message): Promise<void> {
    return this.publishes.call({ key, message, keepMs: 0 })
  }

  subscribe(topic: Topic): Promise<void> {
    return this.subscribes.call(topic)
  }

  unsubscribe(topic: Topic): Promise<void> {
    return this.unsubscribes.call(topic)
  }

  close(): Promise<void> {
    return this.closes.call(undefined)
  }

  // What the test calls

  up(store: Side): void {
    this.states[store] = true
    this.receiver.state(store, true)
  }

  down(store: Side, cause?: Error): void {
    this.states[store] = false
    this.receiver.state(store, false, cause)
  }

  lost(topic: Topic, error: Error): void {
    this.heard.delete(address(topic))
    this.receiver.lost(topic, error)
  }

  error(store: Side, error: Error): void {
    this.receiver.error(store, error)
  }

  /** As if another process had emitted it. */
  deliver(key: EventKey, args: readonly unknown[], more: Partial<Message> = {}): void {
    this.receiver.deliver(key, eventOf(args, more))
  }

  deliverFailure(key: EventKey, failure: unknown): void {
    this.receiver.deliver(key, failureOf(failure))
  }

  keep(key: EventKey, message: Message): void {
    this.kept.set(address(key), message)
  }

  /** Answers everything, now and from here on. */
  release(): void {
    for (const script of Object.values(this.scripts)) script.release()
  }

  private get scripts(): Record<Scripted, { manual: boolean; release(): void }> {
    return {
      connect: this.connects,
      subscribe: this.subscribes,
      unsubscribe: this.unsubscribes,
      publish: this.publishes,
      recall: this.recalls,
      forget: this.forgets,
      close: this.closes,
    }
  }

  private firstUp(store: Side): void {
    if (this.states[store] === undefined) this.up(store)
  }

  private loop({ key, message, keepMs }: Publish): void {
    this.firstUp('inputStore')
    if (keepMs > 0) this.kept.set(address(key), message)
    const { name, id } = key
    const home = this.homes || message.kind === 'answer' ? id.slice(id.lastIndexOf('~') + 1) : undefined
    const topics: Topic[] = [{ name }, key, ...(home === undefined ? [] : [{ name, home }])]
    if (!topics.some((topic) => this.heard.has(address(topic)))) return
    void Promise.resolve().then(() => {
      this.receiver.deliver(key, message)
    })
  }
}

function address({ name, id, home }: Topic): string {
  if (home !== undefined) return `${name}~${home}`
  return id === undefined ? name : `${name}:${id}`
}

export function eventOf(args: readonly unknown[], more: Partial<Message> = {}): Message {
  return { kind: 'event', body: JSON.stringify(args), ...more }
}

export function failureOf(failure: unknown): Message {
  return { kind: 'failure', body: JSON.stringify(failure) }
}
