import type { EventKey, Message, Topic } from 'server-events'
import { keyText, messageText, topicText } from '../texts'
import { rounding, type Facts } from './facts'

/** One `listen`. */
interface ListenRecord {
  readonly number: number
  readonly name: string
  readonly called: number
  state: 'pending' | 'standing' | 'ended'
}

/** How long `init` and `listen` may take in a simulation, in ms. */
export const initTimeout = 3000

/** What listeners are promised, and that a name with listeners is subscribed. */
export class ListenRules {
  readonly #facts: Facts
  readonly #listens: ListenRecord[] = []
  readonly #inits = new Map<number, number>()
  /** Calls of init share an attempt, and end with it. */
  #attempt = { began: 0, ended: -1 }
  #desired = false
  /** Subscriptions that are refused at present, by their text, and since when. */
  readonly #withdrawn = new Map<string, number>()
  #refusedInTurn = new Set<string>()
  #calls: string[] = []

  constructor(facts: Facts) {
    this.#facts = facts
  }

  /** Promises of `init` and `listen` that have not settled. */
  get open(): number {
    return this.#inits.size + this.#listens.filter(({ state }) => state === 'pending').length
  }

  /** What has to be subscribed for listeners or by option `listen`, by its text. */
  get topics(): Map<string, Topic> {
    const topics: Topic[] = this.#listens.filter(({ state }) => state !== 'ended').map(({ name }) => ({ name }))
    if (this.#desired) topics.push(this.#facts.listened)
    return new Map(topics.map((topic) => [topicText(topic), topic]))
  }

  /** Whether a subscription is surely needed: a listen that is about to reject does not show it yet. */
  need(topic: Topic): boolean {
    const is = (other: Topic): boolean => topicText(other) === topicText(topic)
    if (this.#desired && is(this.#facts.listened)) return true
    return this.#listens.some((listen) => is({ name: listen.name }) && this.#lasts(listen))
  }

  called(number: number, name: string): void {
    this.#listens.push({ number, name, called: this.#facts.now, state: 'pending' })
  }

  /** The first on, init or listen subscribes the names of option `listen`. */
  desired(): void {
    this.#desired = this.#facts.setup.listen
  }

  settled(number: number, code: string | undefined): void {
    const listen = this.#listens.find((other) => other.number === number)
    if (listen?.state !== 'pending') return
    listen.state = code === undefined ? 'standing' : 'ended'
    if (code === undefined) {
      if (this.#facts.call({ name: listen.name })?.state !== 'standing') {
        this.#facts.violated(`listen ${number} resolved although (${listen.name}) is not subscribed`)
      }
    } else this.#judge(`listen ${number}`, code, listen.called, [listen.name])
  }

  ended(number: number): void {
    const listen = this.#listens.find((other) => other.number === number)
    if (listen !== undefined) listen.state = 'ended'
  }

  initCalled(number: number): void {
    this.#inits.set(number, this.#facts.now)
  }

  initSettled(number: number, code: string | undefined): void {
    const { turn } = this.#facts
    if (this.#attempt.ended !== turn) this.#attempt = { began: Math.min(...this.#inits.values()), ended: turn }
    this.#inits.delete(number)
    if (code !== undefined) this.#judge(`init ${number}`, code, this.#attempt.began, [topicText(this.#facts.listened)])
    else if (!this.#facts.transport.input.wasUp) this.#facts.violated(`init ${number} resolved without a connection`)
  }

  /** Closed, or refused at the call because of that. */
  initEnded(number: number): void {
    this.#inits.delete(number)
  }

  /** A listener was called. */
  heard(number: number, key: EventKey, text: string): void {
    this.#calls.push(callText(number, key, text))
  }

  delivering(key: EventKey, message: Message, deliver: () => void): void {
    this.#calls = []
    deliver()
    const text = messageText(message)
    const calls = [...this.#calls]
    for (const listen of this.#listens) {
      const { number, name, state } = listen
      const times = remove(calls, callText(number, key, text))
      const heard = message.kind === 'event' && name === key.name && state !== 'ended'
      // A listen may have ended in this turn, which its promise cannot show yet.
      if (times !== (heard ? 1 : 0) && (times > 0 || this.#lasts(listen))) {
        this.#facts.violated(`listener ${number} heard ${text} ${times} times`)
      }
    }
    if (calls.length > 0) this.#facts.violated(`a listener heard ${String(calls[0])} instead of ${text}`)
  }

  refused(topic: Topic): void {
    this.#withdrawn.set(topicText(topic), this.#facts.now)
    this.#refusedInTurn.add(topicText(topic))
  }

  stood(topic: Topic): void {
    this.#withdrawn.delete(topicText(topic))
  }

  endTurn(): void {
    this.#refusedInTurn = new Set()
  }

  idle(): void {
    const { now, setup, transportClosed } = this.#facts
    for (const { number, name, called, state } of this.#listens) {
      if (state !== 'pending') continue
      if (now > called + initTimeout + rounding) this.#facts.violated(`listen ${number} is pending after initTimeout`)
      if (this.#facts.call({ name })?.state === 'standing') {
        this.#facts.violated(`listen ${number} is pending although (${name}) is subscribed`)
      }
    }
    for (const [number, called] of this.#inits) {
      if (now > called + initTimeout + rounding) this.#facts.violated(`init ${number} is pending after initTimeout`)
    }
    if (transportClosed) return
    for (const [text, topic] of this.topics) {
      if (this.#facts.call(topic) !== undefined) continue
      // A refused one is tried again in the rhythm of the backstop.
      if (now > (this.#withdrawn.get(text) ?? 0) + setup.backstop + rounding) {
        this.#facts.violated(`(${text}) has listeners and is not subscribed`)
      }
    }
  }

  #lasts({ name, state, called }: ListenRecord): boolean {
    const { now, closeCalled } = this.#facts
    const expires = closeCalled || now >= called + initTimeout - rounding || this.#refusedInTurn.has(name)
    return state === 'standing' || (state === 'pending' && !expires)
  }

  #judge(what: string, code: string, called: number, names: readonly string[]): void {
    const { now, closeCalled } = this.#facts
    const expired = now >= called + initTimeout - rounding
    const refused = names.some((name) => this.#refusedInTurn.has(name) || this.#withdrawn.has(name))
    const allowed =
      code === 'ERR_CLOSED'
        ? closeCalled
        : code === 'ERR_FORBIDDEN'
          ? refused || expired
          : code === 'ERR_CONNECTION' && expired
    if (!allowed) this.#facts.violated(`${what} rejected with ${code} for no reason`)
  }
}

function callText(number: number, key: EventKey, text: string): string {
  return `${number}: ${text} of (${keyText(key)})`
}

function remove(list: string[], text: string): number {
  const before = list.length
  for (let index = list.indexOf(text); index !== -1; index = list.indexOf(text)) list.splice(index, 1)
  return before - list.length
}
