import { performance } from 'node:perf_hooks'
import { inspect, isDeepStrictEqual } from 'node:util'
import type { EventKey, Keeper, Message, Topic, Transport } from 'server-events'
import { BrokenContract } from './contract'
import type { Line } from './contract'
import type { ConformanceHub } from './options'
import { Peer, codeOf, describeError, probeMark } from './peer'

/** The author's own hub failed, not the transport. */
export class HubError extends Error {}

/** Ends a case that has nothing to say, because something that another case proves does not hold. */
export class NotApplicable extends Error {}

type Settled = { readonly ok: true; readonly value: unknown } | { readonly ok: false; readonly error: unknown }

/** One case's broker, with everything that was connected to it, and the ways to judge. */
export class Stage {
  private readonly peers: Peer[] = []
  private prober: Peer | undefined
  private probes = 0
  private hasEnded = false
  private end = (): void => {}
  /** When the case has ended, also what it no longer awaits stops waiting: its timers would hold the process. */
  private readonly ended = new Promise<undefined>((resolve) => {
    this.end = () => {
      this.hasEnded = true
      resolve(undefined)
    }
  })

  constructor(
    private readonly hub: ConformanceHub,
    private readonly line: Line,
    readonly timeout: number,
  ) {}

  /** A new transport with its receiver. Nothing is opened yet. */
  peer(transport: Transport = this.hub.connect()): Peer {
    const peer = new Peer(transport)
    this.peers.push(peer)
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
    this.prober ??= await this.publisher()
    const { prober } = this
    for (const some of inGroups(topics)) await Promise.all(some.map((topic) => this.probe(prober, peer, topic)))
  }

  private async probe(prober: Peer, peer: Peer, topic: Topic): Promise<void> {
    const deadline = performance.now() + this.timeout
    const key = { name: topic.name, id: topic.id ?? 'probe' }
    const before = peer.probes.length
    const arrived = (): boolean => peer.probes.slice(before).some((probe) => sameKey(probe, key))
    while (!arrived() && !this.hasEnded) {
      this.check(performance.now() < deadline, `${show(topic)} was subscribed, but its messages do not arrive`)
      await this.send(prober, key, { kind: 'event', body: `${probeMark}",${++this.probes}]` })
      await until(() => arrived() || this.hasEnded, 100)
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
    const message = event(`sentinel ${++this.probes}`)
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
    await ofHub('interrupt', () => this.hub.interrupt?.())
  }

  async forbid(topic: Topic, ...allowed: Topic[]): Promise<void> {
    await ofHub('forbid', () => this.hub.forbid?.(topic, allowed))
  }

  get canInterrupt(): boolean {
    return this.hub.interrupt !== undefined
  }

  unauthorized(): Peer {
    return this.peer(this.hub.unauthorized?.())
  }

  /** What the case applies to has one: those without are skipped. */
  keeperOf(peer: Peer): Keeper {
    return peer.transport.keeper as Keeper
  }

  async recall(peer: Peer, ...keys: EventKey[]): Promise<readonly unknown[]> {
    const answers = await this.value('keeper.recall()', this.keeperOf(peer).recall(keys))
    this.check(Array.isArray(answers), `keeper.recall() resolved with ${show(answers)}`)
    return answers as readonly unknown[]
  }

  /** The error that says what the transport did. */
  broken(did: string): Error {
    return new BrokenContract(this.line, did)
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
    const settled = await this.settled(call, promise)
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
    const settled = await this.settled(call, promise)
    if (settled.ok || codes.includes(String(codeOf(settled.error)))) return settled.ok
    throw this.broken(`${call} rejected with ${describeError(settled.error)} instead of ${codes.join(' or ')}`)
  }

  private async settled(call: string, promise: Promise<unknown>): Promise<Settled> {
    const settled = await settledWithin(promise, this.timeout, this.ended)
    if (settled) return settled
    throw this.broken(`${call} has not settled after ${this.timeout} ms`)
  }

  async eventually(probe: () => boolean | Promise<boolean>, { else: did }: { else: () => string }): Promise<void> {
    const deadline = performance.now() + this.timeout
    while (!(await probe())) {
      this.check(performance.now() < deadline && !this.hasEnded, did)
      await pause()
    }
  }

  /** Closes what is open. How well that works is the matter of cases of its own. */
  async close(): Promise<void> {
    this.end()
    await Promise.all(
      this.peers.map(({ transport }) =>
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

export const event = (body: string, more: Partial<Message> = {}): Message => ({
  kind: 'event',
  body: JSON.stringify([body]),
  ...more,
})

/** So many topics at a time: more at once are the matter of a case of its own. */
function inGroups<T>(all: readonly T[], size = 20): T[][] {
  return Array.from({ length: Math.ceil(all.length / size) }, (_, index) => all.slice(index * size, (index + 1) * size))
}

/** For people: names and bodies may be long. */
export function show(value: unknown): string {
  return inspect(value, { breakLength: Infinity, compact: 100, depth: 4, maxArrayLength: 20, maxStringLength: 100 })
}

/** A turn of the event loop, and some time. */
export function pause(ms = 2): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}

/** Ends when the probe is true, or after so many ms. */
async function until(probe: () => boolean | Promise<boolean>, ms: number): Promise<void> {
  const deadline = performance.now() + ms
  while (!(await probe()) && performance.now() < deadline) await pause()
}

async function settledWithin(
  promise: Promise<unknown>,
  ms: number,
  ended?: Promise<undefined>,
): Promise<Settled | undefined> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<undefined>((resolve) => {
    timer = setTimeout(() => resolve(undefined), ms)
  })
  const settled = promise.then(
    (value) => ({ ok: true as const, value }),
    (error: unknown) => ({ ok: false as const, error }),
  )
  try {
    return await Promise.race([settled, late, ...(ended ? [ended] : [])])
  } finally {
    clearTimeout(timer)
  }
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
