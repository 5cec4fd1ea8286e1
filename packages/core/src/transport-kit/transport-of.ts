import { performance } from 'node:perf_hooks'
import { ConnectionError, InvalidArgumentError } from '../errors'
import type { ClosedError } from '../errors'
import type { EventKey, Keeper, Message, Receiver, Side as StoreSide, Topic, Transport } from '../transport'
import type { Connection, Driver, LinkEvents } from './driver'
import { answerOf, closedError, failedAt, TransientRefusal, troubleOf } from './errors'
import { Heartbeat, Life, Patience } from './heartbeat'
import { Publishing } from './publishing'
import { Reconnector } from './reconnector'
import type { Side } from './reconnector'
import { boundsChecks, boundsDefaults, refuseUnknown, separate } from './settings'
import type { Bounds, Filled } from './settings'
import { Subscribing } from './subscribing'
import { call, outsideCalls } from './timing'

/** How many outcomes are asked for at a time. */
const IN_FLIGHT = 64

const FIRST_PAUSE = 50
const LONGEST_PAUSE = 1_000

type Answer = Message | undefined | Error

interface Sides {
  readonly publishing: Publishing
  readonly subscribing: Subscribing
  /** Of the publishing side, and of the subscribing one; the same if they share a connection. */
  readonly outward: Reconnector<Connection>
  readonly inward: Reconnector<Connection>
}

/**
 * A transport over the connections that a driver makes: bounded, ordered, repaired.
 * @throws InvalidArgumentError
 */
export function transportOf(driver: Driver, options: Bounds = {}): Transport {
  const { settings, rest } = separate<Bounds>('a transport', options, boundsChecks, boundsDefaults)
  refuseUnknown(rest, 'the options of a driver belong to the driver')
  return new DrivenTransport(driver, settings)
}

class DrivenTransport implements Transport {
  readonly routing: 'name' | 'id'
  readonly homes: boolean
  readonly questions: true | undefined
  readonly publishTimeout: number
  readonly keeper?: Keeper
  readonly #driver: Driver
  readonly #bounds: Filled<Bounds>
  #sides: Sides | undefined
  #closing: Promise<void> | undefined

  constructor(driver: Driver, bounds: Filled<Bounds>) {
    this.routing = driver.routing
    this.homes = driver.homes === true
    this.questions = driver.questions
    this.publishTimeout = bounds.publishTimeout
    this.#driver = driver
    this.#bounds = bounds
    if (driver.keeps !== true) return
    this.keeper = {
      ...(driver.once === true && { once: true }),
      publish: (...args) => this.#attached.publishing.keep(...args),
      recall: (keys) => this.#recall(keys),
      forget: (key) => this.#attached.publishing.forget(key),
    }
  }

  attach(receiver: Receiver): void {
    if (this.#sides) throw new InvalidArgumentError('this transport serves another ServerEvents: make a new one')
    const publishing = new Publishing(receiver, this.#bounds, () => this.#closedError())
    const subscribing = new Subscribing(receiver, this.#bounds.subscribeTimeout, () => this.#closedError())
    // Those of one connection are restored before anything is published there: an emit that was held finds its own waits.
    const { separate } = this.#driver
    const inward = separate
      ? this.#reconnector(subscribing, [subscribing], 'outputStore')
      : this.#reconnector(subscribing, [subscribing, publishing])
    const outward = separate ? this.#reconnector(subscribing, [publishing], 'inputStore') : inward
    publishing.over(outward)
    subscribing.over(inward)
    this.#sides = { publishing, subscribing, outward, inward }
  }

  async connect(): Promise<void> {
    return this.#attached.publishing.connect()
  }

  publish(key: EventKey, message: Message): Promise<void> {
    return this.#attached.publishing.publish(key, message)
  }

  subscribe(topic: Topic): Promise<void> {
    return this.#attached.subscribing.subscribe(topic)
  }

  unsubscribe(topic: Topic): Promise<void> {
    return this.#attached.subscribing.unsubscribe(topic)
  }

  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  async #close(): Promise<void> {
    if (!this.#sides) return
    const { publishing, subscribing, outward, inward } = this.#sides
    publishing.close()
    subscribing.close()
    await Promise.all([outward.close(), inward.close()])
  }

  #reconnector(
    subscribing: Subscribing,
    sides: readonly Side<Connection>[],
    side?: StoreSide,
  ): Reconnector<Connection> {
    const { connectTimeout, heartbeat } = this.#bounds
    const driver = this.#driver
    const beats = new Beats(heartbeat, (connection, cause) => reconnector.drop(connection, cause))
    const reconnector: Reconnector<Connection> = new Reconnector<Connection>(
      {
        get at() {
          return `${driver.broker} at ${driver.place}`
        },
        dial: async (ended, signal) => {
          let isOver = false
          const told = (tell: () => void): void => outsideCalls(() => isOver || tell())
          const events: LinkEvents = {
            message: (key, read) => told(() => subscribing.message(key, read)),
            unreadable: (error) => told(() => subscribing.unreadable(error)),
            refused: (topic, error) => told(() => subscribing.lost(topic, error)),
            ended,
          }
          const link = await call(() => driver.dial(events, signal, side))
          const life = new Life(link.bytesRead && (() => link.bytesRead?.() ?? 0))
          const onEnd = new Set([() => (isOver = true)])
          return { link, life, at: `${driver.broker} at ${driver.place}`, onEnd }
        },
        discard: ({ link, onEnd }) => {
          for (const ended of onEnd) ended()
          return link.close()
        },
        heard: ({ life }) => life.count,
      },
      connectTimeout,
      [beats, ...sides],
    )
    return reconnector
  }

  /** One answer for each key. Without a connection, and none about to be, Errors at once. */
  async #recall(keys: readonly EventKey[]): Promise<Answer[]> {
    const { publishing, outward } = this.#attached
    const { publishTimeout } = this.#bounds
    const down = outward.isDown
    const standing = publishing.standing(publishTimeout)
    if (down) {
      standing.catch(() => undefined)
      return keys.map(() => new ConnectionError(`no connection to ${outward.at}`))
    }
    try {
      const connection = await standing
      const half = Math.round(publishTimeout / 2)
      const cause = `${connection.at} did not answer a lookup within ${half} ms: the connection is replaced`
      const silent = (): void => outward.drop(connection, new ConnectionError(cause))
      return await recall(keys, connection, publishTimeout, silent)
    } catch (error) {
      return keys.map(() => error as Error)
    }
  }

  get #attached(): Sides {
    if (!this.#sides) throw new InvalidArgumentError('attach a receiver first: give the transport to a ServerEvents')
    return this.#sides
  }

  #closedError(): ClosedError {
    return closedError(`transport over ${this.#driver.broker}`)
  }
}

/** The heartbeat of a connection, for all sides that share it. */
class Beats implements Side<Connection> {
  readonly #heartbeat: Heartbeat<Connection>

  constructor(interval: number, drop: (connection: Connection, cause: ConnectionError) => void) {
    this.#heartbeat = new Heartbeat(interval, {
      ping: async ({ link }) => call(async () => link.ping?.()),
      dead: (connection, ms) => {
        const cause = `${connection.at} did not answer PING within ${ms} ms: the connection is replaced`
        drop(connection, new ConnectionError(cause))
      },
    })
  }

  needed(): boolean {
    return false
  }

  up(connection: Connection): void {
    if (connection.link.ping) this.#heartbeat.start(connection, connection.life)
  }

  down(): void {
    this.#heartbeat.stop(true)
  }

  failed(): void {
    this.#heartbeat.stop()
  }

  refused(): void {
    this.#heartbeat.stop()
  }
}

/** Reads outcomes, a few at a time. What is not answered is an Error: it may be there. */
function recall(keys: readonly EventKey[], connection: Connection, ms: number, silent: () => void): Promise<Answer[]> {
  const { at, life, link, onEnd } = connection
  const answers: (Answer | null)[] = keys.map(() => null)
  const due = performance.now() + ms
  let next = 0
  const askNext = async (): Promise<void> => {
    for (let index = next++; index < keys.length; index = next++) {
      answers[index] = await read(keys[index] as EventKey, connection, due)
    }
  }
  return new Promise((resolve) => {
    const end = (): void => {
      next = keys.length
      patience.end()
      onEnd.delete(end)
      resolve(answers.map((answer) => (answer === null ? failedAt(at, 'an outcome was not answered') : answer)))
    }
    const ping = link.ping && (async () => link.ping?.())
    const patience = new Patience(life, ping, ms, { end, silent })
    onEnd.add(end)
    void Promise.all(Array.from({ length: Math.min(IN_FLIGHT, keys.length) }, askNext)).then(end)
  })
}

/** One outcome; refused for now, it is asked for again. Never rejects. */
async function read(key: EventKey, { link, life, at }: Connection, due: number): Promise<Answer> {
  for (let pause = FIRST_PAUSE; ; pause = Math.min(2 * pause, LONGEST_PAUSE))
    try {
      const answer = await call(async () => link.store?.get(key))
      life.heard()
      return answer
    } catch (error) {
      if (!(error instanceof TransientRefusal)) return answerOf(error) ?? troubleOf(error, at)
      life.heard()
      if (performance.now() + pause > due)
        return new ConnectionError(`${at} refused to read an outcome for now (${error.reason})`)
      await new Promise((resolve) => setTimeout(resolve, pause))
    }
}
