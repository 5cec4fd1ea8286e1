import { performance } from 'node:perf_hooks'
import { ConnectionError, UncertainError } from 'server-events'
import type { EventKey, Keeper, Message } from 'server-events'
import type { Bucket } from './bucket'
import { eventOf } from './errors'
import type { Connection, Link } from './link'
import type { Settings } from './options'
import type { Publisher } from './publisher'

/** How many outcomes are asked for at a time. */
const IN_FLIGHT = 64

/** Keeps outcomes in a bucket, over the connection of the publishing side. */
export class BucketKeeper implements Keeper {
  constructor(
    private readonly link: Link,
    private readonly publisher: Publisher,
    private readonly bucket: Bucket,
    private readonly settings: Settings,
  ) {}

  publish(key: EventKey, message: Message, keepMs: number): Promise<void> {
    return this.publisher.publish(key, message, keepMs)
  }

  async recall(keys: readonly EventKey[]): Promise<(Message | undefined | Error)[]> {
    const { publishTimeout } = this.settings
    const due = performance.now() + publishTimeout
    const down = (): ConnectionError => new ConnectionError(`no connection to nats at ${this.link.place}`)
    if (this.link.isDown) return keys.map(down)
    let connection: Connection
    try {
      connection = await this.publisher.standing(publishTimeout)
    } catch (error) {
      return keys.map(() => error as Error)
    }
    const answers: (Message | undefined | Error)[] = []
    let next = 0
    const askNext = async (): Promise<void> => {
      for (let index = next++; index < keys.length; index = next++) {
        const left = Math.max(1, Math.floor(due - performance.now()))
        answers[index] = await this.bucket
          .get(connection, keys[index] as EventKey, left)
          .catch((error: unknown) => error as Error)
      }
    }
    await Promise.all(Array.from({ length: Math.min(IN_FLIGHT, keys.length) }, askNext))
    return answers
  }

  async forget(key: EventKey): Promise<void> {
    const { publishTimeout } = this.settings
    const due = performance.now() + publishTimeout
    const connection = await this.publisher.standing(publishTimeout)
    const left = Math.max(1, Math.floor(due - performance.now()))
    try {
      await this.bucket.purge(connection, key, left)
    } catch (error) {
      if (!(error instanceof ConnectionError)) throw error
      throw new UncertainError(`the outcome of ${eventOf(key)} may be forgotten, or not: ${error.message}`)
    }
  }
}
