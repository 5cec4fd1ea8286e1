import { homeOf } from '../home'
import type { EventKey, Topic } from '../transport'

/** A topic that is desired, from `subscribe` until `unsubscribe` or the broker's refusal. */
export class DesiredTopic {
  readonly topic: Topic
  /** While its `subscribe` is pending. */
  #pending: { readonly resolve: () => void; readonly reject: (error: Error) => void } | undefined

  /** `resolve` and `reject` are those of its `subscribe`. */
  constructor(topic: Topic, resolve: () => void, reject: (error: Error) => void) {
    this.topic = topic
    this.#pending = { resolve, reject }
  }

  /** The broker has confirmed it. */
  confirm(): void {
    this.#pending?.resolve()
    this.#pending = undefined
  }

  /** Its `subscribe` rejects; false if that has resolved before. */
  reject(error: Error): boolean {
    const pending = this.#pending
    this.#pending = undefined
    pending?.reject(error)
    return pending !== undefined
  }
}

/** The topics that are desired, whatever becomes of connections. They are never counted: the engine does that. */
export class DesiredTopics<T extends DesiredTopic> {
  readonly #topics = new Map<string, T>()
  readonly #lost: (topic: Topic, error: Error) => void

  /** `lost` is told of a topic that stood, and that the broker refuses now. */
  constructor(lost: (topic: Topic, error: Error) => void) {
    this.#lost = lost
  }

  /** How many are desired. */
  get size(): number {
    return this.#topics.size
  }

  /** In the order in which they came to be desired. */
  all(): T[] {
    return [...this.#topics.values()]
  }

  /** It is desired from now on. */
  add(desired: T): void {
    this.#topics.set(textOf(desired.topic), desired)
  }

  /** The one of this topic, if it is desired. */
  get(topic: Topic): T | undefined {
    return this.#topics.get(textOf(topic))
  }

  /** Whether it is this very one that is desired, and not another one of the same topic since. */
  has(desired: T): boolean {
    return this.get(desired.topic) === desired
  }

  /** Whether an event of this key is desired, by its id, its home or its name. */
  covers({ name, id }: EventKey): boolean {
    if (this.#topics.has(textOf({ name })) || this.#topics.has(textOf({ name, id }))) return true
    const home = homeOf(id)
    return home !== undefined && this.#topics.has(textOf({ name, home }))
  }

  /** It is desired no more. False if it was not. */
  remove(desired: T): boolean {
    return this.has(desired) && this.#topics.delete(textOf(desired.topic))
  }

  /** The broker refuses it: its `subscribe` rejects or, if it stood, it is lost. Desired no more. */
  refuse(desired: T, error: Error): void {
    if (this.remove(desired) && !desired.reject(error)) this.#lost(desired.topic, error)
  }

  /** None is desired any more, and each `subscribe` that is pending rejects with an error of its own. */
  end(makeError: () => Error): void {
    const all = this.all()
    this.#topics.clear()
    for (const desired of all) desired.reject(makeError())
  }
}

/** Two topics never share one: a name begins with a star, a home with a tilde, a name and an id with a number. */
function textOf({ name, id, home }: Topic): string {
  if (home !== undefined) return `~${home}${name}`
  return id === undefined ? `*${name}` : `${name.length}:${name}${id}`
}
