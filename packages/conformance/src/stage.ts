import { performance } from 'node:perf_hooks'
import { isDeepStrictEqual } from 'node:util'
import type { EventKey, Keeper, Message, Topic, Transport } from 'server-events'
import { BrokenContract } from './contract'
import type { Line } from './contract'
import type { ConformanceHub } from './options'
import { Peer, PROBE_MARK } from './peer'
import { faultOf } from './support/errors'
import { codeOf, describeError, show } from './support/show'
import { pause, settledWithin, turn, until } from './support/waiting'
import type { Settled } from './support/waiting'

/** The author's own hub failed, not the transport. */
export class HubError extends Error {}

/** Ends a case that has nothing to say, because something that another case proves does not hold. */
export class NotApplicable extends Error {}

/** One case's broker, with everything that was connected to it, and the ways to judge. */
export class Stage {
  readonly timeout: number
  readonly #hub: ConformanceHub
  readonly #line: Line
  readonly #peers: Peer[] = []
  /** Every error that a call gave. */
  readonly #errors: { readonly how: string; readonly error: unknown }[] = []
  #prober: Peer | undefined
  #probes = 0
  #hasEnded = false
  /** Wakes the broker that a case leaves frozen, or stopped, because it failed. */
  #undo: (() => Promise<void>) | undefined
  #end = (): void => {}
  /** When the case has ended, also what it no longer awaits stops waiting: its timers would hold the process. */
  readonly #ended = new Promise<undefined>((resolve) => {
    this.#end = () => {
      this.#hasEnded = true
      resolve(undefined)
    }
  })

  constructor(hub: ConformanceHub, line: Line, timeout: number) {
    this.#hub = hub
    this.#line = line
    this.timeout = timeout
  }

  /** A new transport with its receiver. Nothing is opened yet. */
  peer(transport: Transport = this.#hub.connect()): Peer {
    const peer = new Peer(transport, this.#peers.length)
    this.#peers.push(peer)
    transport.attach(peer)
    return peer
  }

  /** A new transport whose publishing side stands. */
  async publisher(): Promise<Peer> {
    const peer = this.peer()
    await this.value('connect()', peer.transport.connect())
    return peer
  }

  /** A new transport to which these topics have been proved to be subscribed. */
  async subscriber(...topics: Topic[]): Promise<Peer> {
    const peer = this.peer()
    await this.subscribe(peer, ...topics)
    return peer
  }

  async subscribe(peer: Peer, ...topics: Topic[]): Promise<void> {
    for (const some of inGroups(topics)) {
      await Promise.all(some.map((topic) => this.value(`subscribe(${show(topic)})`, peer.transport.subscribe(topic))))
    }
    await this.hears(peer, ...topics)
  }

  /**
   * Proves that subscriptions stand, by probes until one arrives: that `subscribe` resolves too
   * early, or a side is up too early, is to fail one case and not all.
   */
  async hears(peer: Peer, ...topics: Topic[]): Promise<void> {
    const prober = (this.#prober ??= await this.publisher())
    for (const some of inGroups(topics)) await Promise.all(some.map((topic) => this.#probe(prober, peer, topic)))
  }

  async #probe(prober: Peer, peer: Peer, topic: Topic): Promise<void> {
    const deadline = performance.now() + this.timeout
    const { name, id, home } = topic
    const end = home === undefined ? '' : `~${home === '*' ? 'AAAAaaaarko' : home}`
    const key = { name, id: id ?? `probe${end}` }
    const before = peer.probes.length
    const arrived = (): boolean => peer.probes.slice(before).some((probe) => sameKey(probe, key))
    while (!arrived() && !this.#hasEnded) {
      this.check(performance.now() < deadline, `${show(topic)} was subscribed, but its messages do not arrive`)
      await this.send(prober, key, { kind: 'event', body: `${PROBE_MARK}",${++this.#probes}]` })
      await until(() => arrived() || this.#hasEnded, 100)
    }
  }

  /** Publishes, again if a connection is lost, until the server has accepted it. */
  async send(peer: Peer, key: EventKey, message: Message): Promise<void> {
    const deadline = performance.now() + this.timeout
    const call = `publish(${show(key)})`
    const lost = ['ERR_CONNECTION', 'ERR_UNCERTAIN']
    while (!(await this.resolvesOr(lost, call, peer.transport.publish(key, message)))) {
      this.check(performance.now() < deadline, `${call} still fails after ${this.timeout} ms`)
      await pause()
    }
  }

  /**
   * Publishes a sentinel and waits for it: what was published before by the same publisher would
   * have arrived by now.
   */
  async sentinel(publisher: Peer, key: EventKey, ...subscribers: Peer[]): Promise<void> {
    const message = event(`sentinel ${++this.#probes}`)
    await this.send(publisher, key, message)
    for (const peer of subscribers) await this.arrived(peer, message)
  }

  /** Waits for a message with this body. */
  arrived(peer: Peer, { body }: Message): Promise<void> {
    return this.eventually(() => peer.heard.some(({ message }) => message.body === body), {
      else: () => `${show(body)} was never delivered`,
    })
  }

  async interrupt(): Promise<void> {
    await ofHub('interrupt', () => this.#hub.interrupt?.())
  }

  /** From now on the broker is silent. */
  async freeze(): Promise<void> {
    await ofHub('freeze', () => this.#hub.freeze?.())
    this.#undo = () => this.thaw()
  }

  async thaw(): Promise<void> {
    this.#undo = undefined
    await ofHub('thaw', () => this.#hub.thaw?.())
  }

  /** From now on the broker is not there. */
  async stop(): Promise<void> {
    await ofHub('stop', () => this.#hub.stop?.())
    this.#undo = () => this.start()
  }

  async start(): Promise<void> {
    this.#undo = undefined
    await ofHub('start', () => this.#hub.start?.())
  }

  async forbid(topic: Topic, ...allowed: Topic[]): Promise<void> {
    await ofHub('forbid', () => this.#hub.forbid?.(topic, allowed))
  }

  get canInterrupt(): boolean {
    return this.#hub.interrupt !== undefined
  }

  unauthorized(): Peer {
    return this.peer(this.#hub.unauthorized?.())
  }

  /** What the case applies to has one: those without are skipped. */
  keeperOf(peer: Peer): Keeper {
    return peer.transport.keeper as Keeper
  }

  async recall(peer: Peer, ...keys: EventKey[]): Promise<readonly unknown[]> {
    const answers = await this.value('keeper.recall()', this.keeperOf(peer).recall(keys))
    this.check(Array.isArray(answers), `keeper.recall() resolved with ${show(answers)}`)
    for (const answer of answers as readonly unknown[])
      if (answer instanceof Error) this.#errors.push({ how: 'keeper.recall() answered', error: answer })
    return answers as readonly unknown[]
  }

  /** The error that says what the transport did. */
  broken(did: string): Error {
    return new BrokenContract(this.#line, did)
  }

  /** What the transport did when the condition does not hold. */
  check(condition: boolean, did: string | (() => string)): void {
    if (!condition) throw this.broken(typeof did === 'string' ? did : did())
  }

  equal(actual: unknown, expected: unknown, what: string): void {
    this.check(isDeepStrictEqual(actual, expected), () => `${what}: ${show(actual)} instead of ${show(expected)}`)
  }

  /** A call has to resolve, in time. */
  async value(call: string, promise: Promise<unknown>): Promise<unknown> {
    const settled = await this.#settled(call, promise)
    if (settled.ok) return settled.value
    throw this.broken(`${call} rejected with ${describeError(settled.error)}`)
  }

  /** A call has to reject, in time, with one of these codes. */
  async rejects(call: string, promise: Promise<unknown>, ...codes: string[]): Promise<void> {
    const resolved = await this.resolvesOr(codes, call, promise)
    this.check(!resolved, `${call} resolved instead of rejecting with ${codes.join(' or ')}`)
  }

  /** A call has to settle in time, and may reject with these codes only. Gives whether it resolved. */
  async resolvesOr(codes: readonly string[], call: string, promise: Promise<unknown>): Promise<boolean> {
    const settled = await this.#settled(call, promise)
    if (settled.ok || codes.includes(String(codeOf(settled.error)))) return settled.ok
    throw this.broken(`${call} rejected with ${describeError(settled.error)} instead of ${codes.join(' or ')}`)
  }

  async #settled(call: string, promise: Promise<unknown>): Promise<Settled> {
    const settled = await settledWithin(promise, this.timeout, this.#ended)
    if (settled && !settled.ok) this.#errors.push({ how: `${call} rejected with`, error: settled.error })
    if (settled) return settled
    throw this.broken(`${call} has not settled after ${this.timeout} ms`)
  }

  async eventually(probe: () => boolean | Promise<boolean>, { else: did }: { else: () => string }): Promise<void> {
    const deadline = performance.now() + this.timeout
    for (let looks = 0; !(await probe()); looks++) {
      this.check(performance.now() < deadline && !this.#hasEnded, did)
      // What is within the process comes within a few turns.
      await (looks < 10 ? turn() : pause())
    }
  }

  /** What holds in each case, whatever it is about: to be asked when the case itself has passed. */
  judge(): void {
    for (const peer of this.#peers) {
      for (const store of ['inputStore', 'outputStore'] as const) {
        const told = peer.states(store)
        if (told.every((up, index) => up === (index % 2 === 0))) continue
        const said = told.map((up) => (up ? 'up' : 'down')).join(', ')
        throw new BrokenContract('Receiver.state', `told of ${store}: ${said}`)
      }
    }
    for (const { how, error } of [...this.#errors, ...this.#peers.flatMap(({ errors }) => errors)]) {
      const fault = faultOf(error, this.#hub.secrets ?? [])
      if (fault !== undefined) throw new BrokenContract('errors', `${how} ${fault}`)
    }
  }

  /** Closes what is open. How well that works is the matter of cases of its own. */
  async close(): Promise<void> {
    this.#end()
    await this.#undo?.()
    await Promise.all(
      this.#peers.map(({ transport }) =>
        settledWithin(
          attempt(() => transport.close()),
          this.timeout,
        ),
      ),
    )
  }
}

export function sameKey(a: EventKey, b: EventKey): boolean {
  return a.name === b.name && a.id === b.id
}

/** Frozen: what a transport is given is not its to change. */
export const event = (body: string, more: Partial<Message> = {}): Message =>
  Object.freeze({
    kind: 'event',
    body: JSON.stringify([body]),
    ...more,
    ...(more.headers && { headers: Object.freeze({ ...more.headers }) }),
  })

/** So many topics at a time: more at once are the matter of a case of its own. */
function inGroups<T>(all: readonly T[], size = 20): T[][] {
  return Array.from({ length: Math.ceil(all.length / size) }, (_, index) => all.slice(index * size, (index + 1) * size))
}

async function ofHub(method: string, action: () => unknown): Promise<void> {
  try {
    await action()
  } catch (error) {
    throw new HubError(`${method}() of the hub failed: ${describeError(error)}`, { cause: error })
  }
}

async function attempt(action: () => unknown): Promise<void> {
  await action()
}
