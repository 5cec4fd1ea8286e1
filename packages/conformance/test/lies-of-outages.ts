import { ConnectionError, UncertainError } from 'server-events'
import type { EventKey, Message, Receiver } from 'server-events'
import { turns } from '@server-events/testing'
import type { ToyClient } from '@server-events/testing'
import { HonestTransport } from './honest-transport'
import { Watching, liar, never } from './liars'
import {
  frozen,
  frozenClose,
  frozenConnect,
  frozenNoticed,
  stopped,
  stoppedClose,
  stoppedConnect,
  stoppedRecall,
} from './titles'
import type { Liar } from './liars'

/** Knows why it failed to connect, or lost what it had sent: the broker is silent, or away. */
class Knowing extends Watching {
  /** Whether an attempt has failed since it was up. */
  protected tries = false

  override attach(receiver: Receiver): void {
    this.client.on('failed', () => (this.tries = true))
    super.attach(receiver)
  }

  protected override told(up: boolean): void {
    this.tries = false
    super.told(up)
  }
}

export const liesOfOutages: readonly Liar[] = [
  liar(
    'holds what is published until it is connected, however long that takes',
    stopped,
    class extends Knowing {
      override publish(key: EventKey, message: Message): Promise<void> {
        return super.publish(key, message).catch((error: unknown) => {
          // What is sent and unanswered is the matter of another lie.
          if (error instanceof ConnectionError && !this.closed && this.wasUp) return never()
          throw error
        })
      }
    },
  ),
  liar(
    'says that it was accepted when it was held',
    stopped,
    class extends Knowing {
      override publish(key: EventKey, message: Message): Promise<void> {
        return super.publish(key, message).catch((error: unknown) => {
          if (!(error instanceof ConnectionError) || this.closed) throw error
        })
      }
    },
  ),
  liar(
    'sends when it can what it has given up',
    stopped,
    class extends Knowing {
      override publish(key: EventKey, message: Message): Promise<void> {
        return super.publish(key, message).catch((error: unknown) => {
          if (error instanceof ConnectionError && this.wasUp && !this.closed) this.again(key, message)
          throw error
        })
      }
      private again(key: EventKey, message: Message): void {
        super.publish(key, message).catch((error: unknown) => {
          if (error instanceof ConnectionError && !this.closed) this.again(key, message)
        })
      }
    },
  ),
  liar(
    'waits with a recall until it can be answered',
    stoppedRecall,
    class extends Watching {
      constructor(client: ToyClient) {
        super(client)
        const { recall } = this.keeper
        this.keeper.recall = async (keys) => {
          for (let times = 0; ; times++) {
            const answers = await recall(keys)
            const known = answers.every((answer) => !(answer instanceof ConnectionError))
            if (known || this.closed || times === 200) return answers
            await turns(20)
          }
        }
      }
    },
  ),
  liar(
    'keeps failed attempts to itself',
    stoppedConnect,
    class extends HonestTransport {
      protected override failed(): void {}
    },
  ),
  liar(
    'gives up at the first failed attempt',
    stoppedConnect,
    class extends Knowing {
      override connect(): Promise<void> {
        const failed = new Promise<never>((_, reject) =>
          this.client.once('failed', () => !this.client.silent && reject(new ConnectionError('cannot connect'))),
        )
        return Promise.race([super.connect(), failed])
      }
    },
    [stoppedClose],
  ),
  liar(
    'cannot be closed while it tries to connect',
    stoppedClose,
    class extends Knowing {
      override async close(): Promise<void> {
        await super.close()
        if (this.tries && !this.client.silent) await never()
      }
    },
  ),
  liar(
    'holds to be accepted what was written',
    frozen,
    class extends Watching {
      protected override announce(key: EventKey, message: Message): Promise<void> {
        const sent = super.announce(key, message)
        if (!this.client.silent) return sent
        sent.catch(() => {})
        return Promise.resolve()
      }
    },
  ),
  liar(
    'waits for an answer for ever',
    frozen,
    class extends Watching {
      protected override announce(key: EventKey, message: Message): Promise<void> {
        const wasSilent = this.client.silent
        return super.announce(key, message).catch((error: unknown) => {
          if (wasSilent && !this.closed) return never()
          throw error
        })
      }
    },
  ),
  liar(
    'says of what is not answered in time that it was not sent',
    frozen,
    class extends Watching {
      protected override announce(key: EventKey, message: Message): Promise<void> {
        const wasSilent = this.client.silent
        return super.announce(key, message).catch((error: unknown) => {
          if (wasSilent && error instanceof UncertainError && !this.closed) throw new ConnectionError('no answer')
          throw error
        })
      }
    },
  ),
  liar(
    'says of a recall that is not answered that nothing is kept',
    frozen,
    class extends Watching {
      constructor(client: ToyClient) {
        super(client)
        const { recall } = this.keeper
        this.keeper.recall = async (keys) => {
          const wasSilent = this.client.silent
          const answers = await recall(keys)
          return wasSilent ? answers.map((answer) => (answer instanceof Error ? undefined : answer)) : answers
        }
      }
    },
  ),
  liar(
    'has no heartbeat',
    frozenNoticed,
    class extends HonestTransport {
      constructor(client: ToyClient) {
        super(client)
        client.heartbeat = false
      }
    },
    [frozenConnect],
  ),
  liar(
    'does not try again when an attempt was not answered',
    frozenConnect,
    class extends HonestTransport {
      override connect(): Promise<void> {
        const failed = new Promise<never>((_, reject) =>
          this.client.once('failed', () => this.client.silent && reject(new ConnectionError('no answer'))),
        )
        return Promise.race([super.connect(), failed])
      }
    },
  ),
  liar(
    'says goodbye before it closes, and waits for the answer',
    frozenClose,
    class extends Watching {
      override async close(): Promise<void> {
        if (this.client.silent) await this.client.subscribe('goodbye')
        await super.close()
      }
    },
  ),
]
