import { homeOf } from 'server-events'
import type { EventKey, Message, Receiver, Topic } from 'server-events'
import type { Connection } from './connection'
import type { HubSubscriber } from './members'
import { copyOf } from './messages'

/** A topic that is to be heard: not before its subscription has reached the hub. */
interface Wish {
  confirmed: boolean
}

/** A transport as its hub sees it: the topics it subscribed, and where what it hears goes. */
export class Subscriber implements HubSubscriber {
  readonly receiver: Receiver
  readonly #connection: Connection
  /** By name, then by what of the name they cover. */
  readonly #wishes = new Map<string, Map<string, Wish>>()

  constructor(receiver: Receiver, connection: Connection) {
    this.receiver = receiver
    this.#connection = connection
  }

  desire(topic: Topic): Wish {
    const wish = { confirmed: false }
    const wishes = this.#wishes.get(topic.name) ?? new Map<string, Wish>()
    this.#wishes.set(topic.name, wishes.set(textOf(topic), wish))
    return wish
  }

  remove(topic: Topic): void {
    const wishes = this.#wishes.get(topic.name)
    wishes?.delete(textOf(topic))
    if (wishes?.size === 0) this.#wishes.delete(topic.name)
  }

  /** Delivers once, however many of the topics cover the key; while the connection is broken, not at all. */
  hear({ name, id }: EventKey, message: Message): void {
    if (!this.#connection.stands) return
    const wishes = this.#wishes.get(name)
    if (!wishes || !covers(wishes, id)) return
    const key = { name, id }
    if (this.receiver.wants(key)) this.receiver.deliver(key, copyOf(message))
  }
}

function covers(wishes: ReadonlyMap<string, Wish>, id: string): boolean {
  if (wishes.get(WHOLE_NAME)?.confirmed) return true
  if (wishes.get(textOf({ id }))?.confirmed) return true
  const home = homeOf(id)
  return home !== undefined && wishes.get(textOf({ home }))?.confirmed === true
}

const WHOLE_NAME = ''

function textOf({ id, home }: Pick<Topic, 'id' | 'home'>): string {
  if (home !== undefined) return `~${home}`
  return id === undefined ? WHOLE_NAME : `=${id}`
}
