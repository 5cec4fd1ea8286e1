import type { ToyClient } from '@server-events/testing'
import type { Transport } from 'server-events'
import { HonestTransport } from './honest-transport'

/** A small wrong transport. */
export interface Liar {
  /** What it does wrong. */
  readonly lie: string
  /** The one case that is to fail. */
  readonly fails: string
  readonly make: (client: ToyClient, world: World) => Transport
}

/** What the transports of one hub share, for those that lie about each other. */
export interface World {
  /** The topics of each of them. */
  readonly topics: Set<string>[]
  /** Called when the hub closes. */
  readonly cleanup: (() => void)[]
}

type Making = new (client: ToyClient, world: World) => HonestTransport

export function liar(lie: string, fails: string, Lying: Making): Liar {
  return { lie, fails, make: (client, world) => new Lying(client, world) }
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

export const never = <T>(): Promise<T> => new Promise<T>(() => {})
