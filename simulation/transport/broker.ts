import type { EventKey, Message, Once, Topic } from 'server-events'
import { keyText, topicText } from '../texts'
import type { Weather } from './weather'

interface Kept {
  readonly message: Message
  readonly until: number
}

/** The server: who is subscribed, what is kept, who is refused. Its own process, so every call says when. */
export class Broker {
  /** Topics that the one subscriber has on its present connection. */
  readonly subscribed = new Map<string, Topic>()
  /** Called for each copy of a message that it sends to the subscriber. */
  send: (at: number, key: EventKey, message: Message) => void = () => {}
  /** Called when it stores an outcome, and when it removes one. */
  stored: (at: number, key: EventKey, message: Message, until: number) => void = () => {}
  forgotten: (key: EventKey) => void = () => {}
  readonly #weather: Weather
  readonly #refused = new Set<string>()
  readonly #kept = new Map<string, Kept>()

  constructor(weather: Weather) {
    this.#weather = weather
  }

  /** False when it refuses. */
  subscribe(topic: Topic): boolean {
    if (this.#refused.has(topic.name)) return false
    this.subscribed.set(topicText(topic), topic)
    return true
  }

  /** Returns the subscriptions that are taken away. */
  refuse(name: string): Topic[] {
    this.#refused.add(name)
    const taken = [...this.subscribed.values()].filter((topic) => topic.name === name)
    for (const topic of taken) this.subscribed.delete(topicText(topic))
    return taken
  }

  allow(name: string): void {
    this.#refused.delete(name)
  }

  /**
   * Keeps it, if for any time, then sends it on. With `once` what it keeps already stays and is sent
   * instead; returns that.
   */
  publish(at: number, key: EventKey, message: Message, keepMs: number, once?: Once): Message | undefined {
    const held = once && keepMs > 0 ? this.read(at, key) : undefined
    if (keepMs > 0 && held === undefined) {
      const until = at + keepMs
      this.stored(at, key, message, until)
      this.#kept.set(keyText(key), { message, until })
    }
    this.#send(at, key, held ?? message)
    return held
  }

  #send(at: number, key: EventKey, message: Message): void {
    const { name, id } = key
    const [, home] = id.split('~')
    const topics = [{ name }, key, ...(home === undefined ? [] : [{ name, home }])]
    if (!topics.some((topic) => this.subscribed.has(topicText(topic)))) return
    for (let copies = this.#weather.takeCopies(); copies > 0; copies--) this.send(at, key, message)
  }

  read(at: number, key: EventKey): Message | undefined {
    const kept = this.#kept.get(keyText(key))
    return kept !== undefined && kept.until > at ? kept.message : undefined
  }

  forget(key: EventKey): void {
    this.#kept.delete(keyText(key))
    this.forgotten(key)
  }
}
