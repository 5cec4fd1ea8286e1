import { performance } from 'node:perf_hooks'
import { ConnectionError, InvalidArgumentError, NotKeptError, UnsupportedError } from '../errors'
import type { ServerEventsError } from '../errors'
import type { EventKey, Message, Once } from '../transport'
import type { Connection } from './driver'
import { alreadySettled, answerOf, eventOf, TransientRefusal, troubleOf, uncertain } from './errors'
import { call, withTimeout } from './timing'
import { Unsettled } from './unsettled'

/** What is to be done: publish; store for so many ms, then publish; or delete what is stored. */
type Task =
  | { readonly kind: 'publish'; readonly message: Message }
  | { readonly kind: 'keep'; readonly message: Message; readonly keepMs: number; readonly once: Once | undefined }
  | { readonly kind: 'forget' }

/** An emit, or the removal of an outcome, until it settles. */
export class Publish extends Unsettled {
  readonly key: EventKey
  readonly task: Task
  readonly resolve: () => void
  readonly reject: (error: Error) => void
  /** The store was asked on the connection that stands, and has not answered. */
  storing = false
  /** How often it was asked: an answer to an earlier question is none. */
  asked = 0
  /** The store has answered, on any connection; with this, if it did not store it. */
  isStored = false
  storeError: ServerEventsError | undefined
  /** What the store has instead of it, and keeps. */
  held: Message | undefined

  constructor(key: EventKey, task: Task, resolve: () => void, reject: (error: Error) => void) {
    super()
    this.key = key
    // As it is now: what the caller does to its bytes later changes nothing.
    this.task = 'message' in task ? { ...task, message: snapshot(task.message) } : task
    this.resolve = resolve
    this.reject = reject
    this.emits = 1
    this.bytes = key.name.length + key.id.length + ('message' in task ? task.message.body.length : 0)
  }

  override get lane(): string {
    return this.key.name
  }

  get needsStore(): boolean {
    return this.task.kind === 'forget' || (this.task.kind === 'keep' && !this.isStored)
  }

  /** How what is stored already is compared, if the first outcome is to hold. */
  get once(): Once | undefined {
    return this.task.kind === 'keep' ? this.task.once : undefined
  }

  /** What it ends in when the broker has accepted it. */
  get outcome(): ServerEventsError | undefined {
    if (this.held !== undefined && this.once?.(this.held) !== 'same') return alreadySettled(this.key)
    const cause = this.storeError
    return cause && new NotKeptError(`${eventOf(this.key)} was published but not kept: ${cause.message}`, { cause })
  }
}

interface StoreFirstHost {
  publish(entry: Publish, connection: Connection): void
  settle(entry: Publish, error: ServerEventsError | undefined): void
  /** It waits for its turn again, and so do those behind it. */
  postpone(entry: Publish, reason: string): void
  isWanted(entry: Publish): boolean
  isCurrent(connection: Connection): boolean
  drop(connection: Connection, cause: ServerEventsError): void
  /** Nothing was heard for so long that the connection was asked for a sign of life, and may be replaced soon. */
  isDoubted(): boolean
}

/** Stores before it publishes, and lets nothing of the same name overtake. */
export class StoreFirst {
  readonly #host: StoreFirstHost
  /** Name -> its emits from the first one on that is being stored. */
  #lanes = new Map<string, Publish[]>()

  constructor(host: StoreFirstHost) {
    this.#host = host
  }

  /** At once, or behind what its name is storing. The store is asked at once in any case: in order, all of them together. */
  write(entry: Publish, connection: Connection): void {
    const lane = this.#lanes.get(entry.lane)
    if (!lane && !entry.needsStore) {
      this.#host.publish(entry, connection)
      return
    }
    entry.written = entry.losses > 0
    if (lane) lane.push(entry)
    else this.#lanes.set(entry.lane, [entry])
    if (entry.needsStore) void this.#store(entry, connection)
  }

  /** The connection is lost: all comes again. */
  clear(): void {
    for (const lane of this.#lanes.values()) for (const entry of lane) entry.storing = false
    this.#lanes = new Map()
  }

  /** What can go of a lane goes: up to the next one that has to wait for the store. */
  #advance(name: string, connection: Connection): void {
    const lane = this.#lanes.get(name)
    let first = lane?.[0]
    while (lane && first && this.#host.isCurrent(connection) && !(first.storing && this.#host.isWanted(first))) {
      lane.shift()
      if (this.#host.isWanted(first)) this.#host.publish(first, connection)
      first = lane[0]
    }
    if (lane?.length === 0 && this.#lanes.get(name) === lane) this.#lanes.delete(name)
  }

  async #store(entry: Publish, connection: Connection): Promise<void> {
    const { life, at } = connection
    const question = ++entry.asked
    entry.storing = true
    entry.written = true
    let failure: unknown
    let held: Message | undefined
    try {
      held = await this.#ask(entry, connection)
      life.heard()
    } catch (error) {
      failure = error
    }
    const answer = answerOf(failure)
    const isTrouble = failure !== undefined && !answer
    // It may be the connection that says nothing, and not the store alone: then the next one may store it.
    while (isTrouble && entry.losses === 0 && this.#host.isCurrent(connection) && this.#host.isDoubted()) await pause()
    // The next connection does it again, or it was put off with one before it.
    if (!this.#host.isCurrent(connection) || entry.asked !== question) return
    entry.storing = false
    entry.held = held
    if (failure instanceof TransientRefusal) {
      life.heard()
      this.#postpone(entry, failure.reason)
    } else if (isTrouble && entry.task.kind === 'forget') this.#host.drop(connection, troubleOf(failure, at))
    else this.#answered(entry, failure === undefined ? undefined : (answer ?? troubleOf(failure, at)))
    this.#advance(entry.lane, connection)
  }

  /** And those behind it, also if they are stored: what it stores in the end must not replace theirs. */
  #postpone(entry: Publish, reason: string): void {
    const lane = this.#lanes.get(entry.lane) ?? []
    const index = lane.indexOf(entry)
    if (index < 0) return
    for (const one of lane.splice(index)) {
      one.asked++
      one.storing = false
      one.isStored = false
      one.held = undefined
      this.#host.postpone(one, reason)
    }
  }

  /** With what the store has instead, and keeps. */
  async #ask({ key, task, due }: Publish, { link: { store } }: Connection): Promise<Message | undefined> {
    if (!store) throw new UnsupportedError('this connection has no store')
    if (task.kind !== 'keep') {
      await call(() => store.delete(key))
      return undefined
    }
    // A store that says nothing leaves time to publish.
    const ms = Math.max(1, Math.floor((due - performance.now()) / 2))
    const late = (): Error => new ConnectionError(`the store did not answer within ${ms} ms`)
    const { message, keepMs, once } = task
    if (once && !store.setOnce) throw new UnsupportedError('this connection cannot keep the first outcome')
    const set = async (): Promise<unknown> =>
      once ? store.setOnce?.(key, message, keepMs, once) : store.set(key, message, keepMs)
    const held = await withTimeout(ms, call(set), late)
    return once && (held as Message | undefined)
  }

  #answered(entry: Publish, error: ServerEventsError | undefined): void {
    const never = error instanceof InvalidArgumentError || error instanceof UnsupportedError
    // What can never be kept as asked is not published either: who asked for it has to change something.
    if (entry.task.kind === 'forget' || never) this.#host.settle(entry, error)
    // Whether it holds is not known: nobody is told of it.
    else if (entry.once && error) this.#host.settle(entry, notHeld(entry.key, error))
    else {
      entry.isStored = true
      entry.storeError = error
    }
  }
}

/** Why it is not known to hold, or does not. */
function notHeld(key: EventKey, error: ServerEventsError): ServerEventsError {
  if (error instanceof ConnectionError) return uncertain(eventOf(key), 'by the store')
  if (!(error instanceof NotKeptError)) return error
  return new ConnectionError(`${eventOf(key)} was neither stored nor published: ${error.message}`)
}

/** How often it is looked whether a connection that is doubted has said something, in ms. */
const LOOK = 20

function pause(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, LOOK))
}

function snapshot(message: Message): Message {
  return typeof message.body === 'string' ? message : { ...message, body: new Uint8Array(message.body) }
}
