import { EventEmitter } from 'node:events'

/** What a ToyClient rejects with: LOST what was sent and not answered, UNREACHABLE what never left. */
export class ToyError extends Error {
  constructor(readonly code: 'DENIED' | 'BAD_PASSWORD' | 'LOST' | 'ENDED' | 'UNREACHABLE') {
    super(`toy broker: ${code}`)
  }
}

type Request =
  | { readonly type: 'nothing' }
  | { readonly type: 'publish'; readonly subject: string; readonly payload: string }
  | { readonly type: 'subscribe' | 'unsubscribe'; readonly subject: string }
  | { readonly type: 'set'; readonly key: string; readonly value: string; readonly ms: number }
  /** Sets it if its value is the expected one, and answers with the value that is there if not. */
  | {
      readonly type: 'replace'
      readonly key: string
      readonly expected: string | undefined
      readonly value: string
      readonly ms: number
    }
  | { readonly type: 'get' | 'delete'; readonly key: string }

/**
 * So many turns of the event loop a broker takes to know of a subscription, and a client to connect: more than to
 * publish. Turns and not ms, so that a machine that stalls cannot make them the shorter way.
 */
const SLOW = 20

/** So many turns a client waits for a broker that is silent, or away. Longer than any repair takes, whatever else goes on. */
const PATIENCE = 500

/**
 * A broker within the process that behaves like those across a network, for examples and for tests
 * of the conformance kit: everything takes a turn of the event loop, connections are cut, subjects
 * are denied. A subject that ends in `*` covers all that begin like it. A connection gets one copy
 * of a message, however many of its subscriptions cover it.
 */
export class ToyBroker {
  readonly connections = new Set<Connection>()
  readonly #denied = new Set<string>()
  readonly #kept = new Map<string, { readonly value: string; readonly until: number }>()
  readonly #password: string | undefined
  readonly #clients = new Set<ToyClient>()
  /** Resolves when it is thawed. */
  #frozen: { readonly thawed: Promise<void>; readonly thaw: () => void } | undefined
  #stopped = false

  constructor({ password }: { readonly password?: string } = {}) {
    this.#password = password
  }

  /** A client that connects when it is first used, and repairs itself. */
  client({ password = this.#password }: { readonly password?: string | undefined } = {}): ToyClient {
    const client = new ToyClient(this, password)
    this.#clients.add(client)
    return client
  }

  /** Cuts every connection, once. */
  interrupt(): void {
    for (const connection of this.connections) connection.cut()
  }

  /** From now on connections stay and come to be, and nothing is answered. What is sent meanwhile takes effect after `thaw`. */
  freeze(): void {
    if (this.#frozen) return
    let thaw = (): void => {}
    const thawed = new Promise<void>((resolve) => (thaw = resolve))
    this.#frozen = { thawed, thaw }
    for (const { stall } of this.connections) stall?.()
  }

  thaw(): void {
    this.#frozen?.thaw()
    this.#frozen = undefined
  }

  /** Cuts every connection and lets none come to be until `start`. What is kept stays. */
  stop(): void {
    this.#stopped = true
    this.interrupt()
  }

  start(): void {
    this.#stopped = false
  }

  /** Ends all of its clients: those that nobody closed would try for ever to connect again. */
  async end(): Promise<void> {
    this.thaw()
    await Promise.all([...this.#clients].map((client) => client.end()))
  }

  get stopped(): boolean {
    return this.#stopped
  }

  /** While it is frozen, what resolves when it is not. */
  get thawed(): Promise<void> | undefined {
    return this.#frozen?.thawed
  }

  /** From now on nobody may subscribe to the subject or publish to it, or set, get or delete the key that is the same. */
  deny(subject: string): void {
    this.#denied.add(subject)
  }

  lets(password: string | undefined): boolean {
    return password === this.#password
  }

  isDenied(subject: string): boolean {
    return [...this.#denied].some((denied) => covers(denied, subject))
  }

  #valueOf(key: string): string | undefined {
    const kept = this.#kept.get(key)
    return kept && kept.until > performance.now() ? kept.value : undefined
  }

  #check(subject: string): void {
    if (this.isDenied(subject)) throw new ToyError('DENIED')
  }

  /** Answers, or throws a ToyError. */
  handle(connection: Connection, request: Request): string | undefined {
    switch (request.type) {
      case 'publish':
        this.#check(request.subject)
        for (const { subjects, hear } of this.connections) {
          if ([...subjects].some((subject) => covers(subject, request.subject))) hear(request.subject, request.payload)
        }
        return undefined
      case 'subscribe':
        this.#check(request.subject)
        connection.subjects.add(request.subject)
        return undefined
      case 'unsubscribe':
        connection.subjects.delete(request.subject)
        return undefined
      case 'set':
        this.#check(request.key)
        this.#kept.set(request.key, { value: request.value, until: performance.now() + request.ms })
        return undefined
      case 'replace': {
        this.#check(request.key)
        const value = this.#valueOf(request.key)
        if (value !== request.expected) return value
        this.#kept.set(request.key, { value: request.value, until: performance.now() + request.ms })
        return undefined
      }
      case 'get':
        this.#check(request.key)
        return this.#valueOf(request.key)
      case 'delete':
        this.#check(request.key)
        this.#kept.delete(request.key)
        return undefined
      default:
        return undefined
    }
  }
}

function covers(subscribed: string, subject: string): boolean {
  return subscribed.endsWith('*') ? subject.startsWith(subscribed.slice(0, -1)) : subscribed === subject
}

interface Connection {
  readonly subjects: Set<string>
  readonly hear: (subject: string, payload: string) => void
  readonly cut: () => void
  /** The broker is silent from now on: what a heartbeat would find out by and by. */
  readonly stall?: () => void
}

interface Events {
  /** A connection stands; the subscriptions are not yet restored. */
  open: []
  /** They are: each is confirmed, or was told as denied. */
  ready: []
  /** A connection that was ready is so no more. */
  disconnect: []
  /** An attempt to connect came to nothing; the next one follows. */
  failed: [error: ToyError]
  message: [subject: string, payload: string]
  /** A subscription that stood is not allowed again, and forgotten. */
  denied: [subject: string]
}

interface Settle {
  readonly resolve: (answer?: string) => void
  readonly reject: (error: ToyError) => void
}

/**
 * The client: connects when it is first used, connects again when it is cut or the broker is silent,
 * and restores its subscriptions. What was sent and not answered when it is cut, or in its time,
 * rejects with LOST; what is asked for meanwhile is sent when it is ready again, or rejects with
 * UNREACHABLE in its time: what is to be read at once.
 */
export class ToyClient extends EventEmitter<Events> {
  readonly #broker: ToyBroker
  readonly #password: string | undefined
  /** Subject -> who waits for its first confirmation. */
  readonly #desired = new Map<string, Settle | undefined>()
  readonly #unanswered = new Set<Settle>()
  #unsent: (Settle & { readonly request: Request })[] = []
  #connection: Connection | undefined
  #state: 'idle' | 'connecting' | 'ready' | 'ended' = 'idle'
  /** From a cut or a failed attempt until it is ready. */
  #down = false
  /** Whether it notices by itself that the broker is silent. */
  heartbeat = true

  constructor(broker: ToyBroker, password: string | undefined) {
    super()
    this.#broker = broker
    this.#password = password
  }

  /** Whether the broker is, which no real client could know: for lies about just that. */
  get silent(): boolean {
    return this.#broker.thawed !== undefined
  }

  async connect(): Promise<void> {
    // What is not sent cannot be lost: it waits for the next connection.
    if (this.#state !== 'ready') await this.#ask({ type: 'nothing' })
  }

  async publish(subject: string, payload: string): Promise<void> {
    await this.#ask({ type: 'publish', subject, payload })
  }

  /** Resolves when the broker has confirmed it, on whatever connection. */
  async subscribe(subject: string): Promise<void> {
    if (this.#state === 'ended') throw new ToyError('ENDED')
    await new Promise((resolve, reject) => {
      this.#desired.set(subject, { resolve, reject })
      if (this.#connection && this.#state === 'ready') void this.#confirm(this.#connection, subject)
      else this.#connect()
    })
  }

  /** The subject is forgotten at once. */
  async unsubscribe(subject: string): Promise<void> {
    this.#desired.delete(subject)
    if (this.#state === 'ready') await this.#ask({ type: 'unsubscribe', subject }).catch(() => {})
  }

  async set(key: string, value: string, ms: number): Promise<void> {
    await this.#ask({ type: 'set', key, value, ms })
  }

  /** Sets it if its value is the expected one, and resolves with the value that is there if not. */
  async replace(key: string, expected: string | undefined, value: string, ms: number): Promise<string | undefined> {
    return this.#ask({ type: 'replace', key, expected, value, ms })
  }

  async get(key: string): Promise<string | undefined> {
    return this.#ask({ type: 'get', key })
  }

  async delete(key: string): Promise<void> {
    await this.#ask({ type: 'delete', key })
  }

  /** Idempotent. What is unanswered rejects: with LOST if it was sent, with ENDED if not. */
  async end(): Promise<void> {
    this.#state = 'ended'
    this.#drop()
    this.#refuse('ENDED')
    await turns(1)
  }

  #ask(request: Request): Promise<string | undefined> {
    if (this.#state === 'ended') return Promise.reject(new ToyError('ENDED'))
    if (this.#connection && this.#state === 'ready') return this.#exchange(this.#connection, request)
    if (request.type === 'get' && this.#down) return Promise.reject(new ToyError('UNREACHABLE'))
    return new Promise((resolve, reject) => {
      const unsent = { request, resolve, reject }
      this.#unsent.push(unsent)
      if (request.type !== 'nothing') void turns(PATIENCE).then(() => this.#giveUp(unsent))
      this.#connect()
    })
  }

  #giveUp(unsent: Settle & { readonly request: Request }): void {
    const index = this.#unsent.indexOf(unsent)
    if (index < 0) return
    this.#unsent.splice(index, 1)
    unsent.reject(new ToyError('UNREACHABLE'))
  }

  #connect(): void {
    if (this.#state !== 'idle') return
    this.#state = 'connecting'
    void this.#attempt()
  }

  async #attempt(): Promise<void> {
    await turns(SLOW)
    if (this.#broker.thawed) await Promise.race([this.#broker.thawed, turns(PATIENCE)])
    // It may have ended meanwhile, which the compiler cannot know.
    if ((this.#state as string) === 'ended') return
    if (this.#broker.stopped || this.#broker.thawed) {
      this.#state = 'idle'
      this.#down = true
      this.emit('failed', new ToyError('UNREACHABLE'))
      for (const unsent of this.#unsent.filter(({ request }) => request.type === 'get')) this.#giveUp(unsent)
      this.#connect()
    } else if (this.#broker.lets(this.#password)) void this.#open()
    else {
      this.#state = 'idle'
      this.#refuse('BAD_PASSWORD')
    }
  }

  async #open(): Promise<void> {
    const connection: Connection = {
      subjects: new Set(),
      hear: (subject, payload) =>
        void turns(1).then(() => this.#connection === connection && this.emit('message', subject, payload)),
      cut: () => {
        const wasReady = this.#state === 'ready'
        this.#state = 'idle'
        this.#down = true
        this.#drop()
        if (wasReady) this.emit('disconnect')
        this.#connect()
      },
      // It asks now and then whether the broker is there, and waits longer for that than for anything else.
      stall: () => {
        if (!this.heartbeat) return
        void turns(PATIENCE + SLOW).then(() => {
          if (this.#broker.thawed && this.#connection === connection) connection.cut()
        })
      },
    }
    this.#connection = connection
    this.#broker.connections.add(connection)
    this.emit('open')
    // What is desired while this goes on is restored with it.
    const asked = new Set<string>()
    for (;;) {
      const subjects = [...this.#desired.keys()].filter((subject) => !asked.has(subject))
      if (subjects.length === 0) break
      for (const subject of subjects) asked.add(subject)
      await Promise.all(subjects.map((subject) => this.#confirm(connection, subject)))
      if (this.#connection !== connection) return
    }
    this.#state = 'ready'
    this.#down = false
    // Before anyone is told, who might publish: in the order in which it was asked for.
    for (const { request, resolve, reject } of this.#unsent.splice(0)) {
      if (request.type === 'nothing') resolve()
      else this.#exchange(connection, request).then(resolve, reject)
    }
    this.emit('ready')
  }

  async #confirm(connection: Connection, subject: string): Promise<void> {
    const error = await this.#exchange(connection, { type: 'subscribe', subject }).then(
      () => undefined,
      (reason: unknown) => reason as ToyError,
    )
    const waiting = this.#desired.get(subject)
    if (error?.code === 'LOST' || !this.#desired.has(subject)) return
    if (!error) {
      this.#desired.set(subject, undefined)
      waiting?.resolve()
      return
    }
    this.#desired.delete(subject)
    if (waiting) waiting.reject(error)
    else this.emit('denied', subject)
  }

  #exchange(connection: Connection, request: Request): Promise<string | undefined> {
    return new Promise((resolve, reject) => {
      const settle = { resolve, reject }
      this.#unanswered.add(settle)
      if (this.#broker.thawed && request.type !== 'subscribe')
        void turns(PATIENCE).then(() => this.#unanswered.delete(settle) && reject(new ToyError('LOST')))
      void this.#answer(connection, request).then(
        (answer) => this.#unanswered.delete(settle) && resolve(answer),
        (error: unknown) => this.#unanswered.delete(settle) && reject(error as ToyError),
      )
    })
  }

  async #answer(connection: Connection, request: Request): Promise<string | undefined> {
    await turns(request.type === 'subscribe' && !this.#broker.isDenied(request.subject) ? SLOW : 1)
    if (this.#broker.thawed) {
      // What has reached it takes effect when it is thawed, whoever still waits for the answer.
      await this.#broker.thawed
      if (this.#broker.stopped) return undefined
    } else if (this.#connection !== connection) return undefined
    try {
      return this.#broker.handle(connection, request)
    } finally {
      // Later than what was published is heard.
      await turns(2)
    }
  }

  #drop(): void {
    if (this.#connection) this.#broker.connections.delete(this.#connection)
    this.#connection = undefined
    const lost = [...this.#unanswered]
    this.#unanswered.clear()
    for (const { reject } of lost) reject(new ToyError('LOST'))
  }

  #refuse(code: ToyError['code']): void {
    for (const { reject } of this.#unsent.splice(0)) reject(new ToyError(code))
    for (const [subject, waiting] of this.#desired) {
      this.#desired.delete(subject)
      waiting?.reject(new ToyError(code))
    }
  }
}

/** So many turns of the event loop later, in the order in which it was called. */
export async function turns(count: number): Promise<void> {
  for (let turn = 0; turn < count; turn++) await new Promise(setImmediate)
}
