import type { ToyClient } from '@server-events/testing'
import type { EventKey, Message, Transport } from 'server-events'
import { HonestTransport } from './honest-transport'

/** A small wrong transport. */
export interface Liar {
  /** What it does wrong. */
  readonly lie: string
  /** The case that is to fail. */
  readonly fails: string
  /** Others that see it as well: a lie so broad that no case could look past it. All others have to pass. Or the line that it breaks, for what holds in every case: then each may fail, by that one. */
  readonly also: readonly string[] | 'errors' | 'Receiver.state'
  readonly make: (client: ToyClient, world: World) => Transport
}

/** What the transports of one hub share, for those that lie about each other. */
export interface World {
  /** What was published last, by subject. */
  readonly retained: Map<string, string>
  /** The topics of each of them. */
  readonly topics: Set<string>[]
  /** Called when the hub closes. */
  readonly cleanup: (() => void)[]
}

type Making = new (client: ToyClient, world: World) => HonestTransport

export function liar(lie: string, fails: string, Lying: Making, also: Liar['also'] = []): Liar {
  return { lie, fails, also, make: (client, world) => new Lying(client, world) }
}

/** An honest one that cannot wait to say whether it is up. */
export class Watching extends HonestTransport {
  protected up = false
  protected wasUp = false
  protected closed = false

  protected override told(up: boolean): void {
    this.up = up
    this.wasUp ||= up
    super.told(up)
  }

  override close(): Promise<void> {
    this.closed = true
    return super.close()
  }
}

/** Has the key in the payload as well, and believes that: so what it takes for one subject is still delivered as it was addressed. */
export class Enveloping extends HonestTransport {
  protected override announce(key: EventKey, message: Message): Promise<void> {
    return this.ours(this.client.publish(this.subject(key), JSON.stringify([key, this.encode(message)])))
  }

  protected override heard(subject: string, payload: string): void {
    const [key, inner] = JSON.parse(payload) as [EventKey, string]
    if (this.covers(subject)) this.deliver(key, this.decode(inner))
  }
}

/** What the hub of the liars declares to be one. */
export const secret = 'hunter-2'

export const never = <T>(): Promise<T> => new Promise<T>(() => {})
