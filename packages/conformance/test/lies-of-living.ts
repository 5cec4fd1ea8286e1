import { AuthError, ClosedError } from 'server-events'
import type { EventKey, Message, Receiver } from 'server-events'
import type { ToyClient } from '@server-events/testing'
import { HonestTransport } from './honest-transport'
import { Watching, liar, never } from './liars'
import type { Liar, World } from './liars'
import { closedWhileDown, frozenClose, stoppedClose } from './titles'

export const liesOfLiving: readonly Liar[] = [
  liar(
    'declares a routing that is none',
    'lifecycle: it declares its routing, and a whole keeper or none',
    class extends HonestTransport {
      override readonly routing = 'subject' as 'id'
    },
  ),
  liar(
    'connects when it is attached',
    'lifecycle: attach opens nothing',
    class extends HonestTransport {
      override attach(receiver: Receiver): void {
        super.attach(receiver)
        this.client.connect().catch(() => {})
      }
    },
  ),
  liar(
    'takes a second receiver',
    'lifecycle: a second attach throws, and the first receiver stays',
    class extends HonestTransport {
      override attach(receiver: Receiver): void {
        if (this.receiver) this.receiver = receiver
        else super.attach(receiver)
      }
    },
  ),
  liar(
    'is up again with each connect',
    'lifecycle: connect opens the publishing side, which is told up once',
    class extends HonestTransport {
      private times = 0
      override async connect(): Promise<void> {
        await super.connect()
        if (this.times++ > 0) this.receiver?.state('inputStore', true)
      }
    },
  ),
  liar(
    'hangs when it is closed while connecting',
    'lifecycle: close is idempotent and bounded: unused, while connecting, connected, twice',
    class extends HonestTransport {
      private connecting = false
      override async connect(): Promise<void> {
        this.connecting = true
        await super.connect().finally(() => (this.connecting = false))
      }
      override close(): Promise<void> {
        return this.connecting ? never() : super.close()
      }
    },
    [stoppedClose, frozenClose],
  ),
  liar(
    'never settles a publish after close',
    'lifecycle: after close everything rejects with ClosedError, but unsubscribe, which never rejects',
    class extends Watching {
      override publish(key: EventKey, message: Message): Promise<void> {
        return this.closed ? never() : super.publish(key, message)
      }
    },
  ),
  liar(
    'delivers after close',
    'lifecycle: after close the receiver hears nothing',
    class extends Watching {
      override close(): Promise<void> {
        this.closed = true
        return Promise.resolve()
      }
      protected override ours<T>(answer: Promise<T>): Promise<T> {
        if (!this.closed) return super.ours(answer)
        answer.catch(() => {})
        return Promise.reject(new ClosedError())
      }
    },
    [closedWhileDown, stoppedClose, frozenClose],
  ),
  liar(
    'takes the subscriptions of the others with it when it closes',
    'lifecycle: closing one transport leaves the others alone',
    class extends HonestTransport {
      private connected = false
      constructor(
        client: ToyClient,
        private readonly world: World,
      ) {
        super(client)
        world.topics.push(this.topics)
      }
      override async connect(): Promise<void> {
        await super.connect()
        this.connected = true
      }
      override async close(): Promise<void> {
        if (this.connected && this.topics.size > 0) for (const topics of this.world.topics) topics.clear()
        await super.close()
      }
    },
  ),
  liar(
    'leaves a timer behind',
    'lifecycle: after close no timer or socket of it holds the process',
    class extends HonestTransport {
      constructor(
        client: ToyClient,
        private readonly world: World,
      ) {
        super(client)
      }
      override connect(): Promise<void> {
        const timer = setInterval(() => {}, 1_000)
        this.world.cleanup.push(() => clearInterval(timer))
        return super.connect()
      }
    },
  ),
  liar(
    'leaves a listener on the process behind',
    'lifecycle: after close it no longer listens to the process',
    class extends HonestTransport {
      constructor(client: ToyClient, world: World) {
        super(client)
        const atExit = (): void => {}
        process.on('exit', atExit)
        world.cleanup.push(() => process.off('exit', atExit))
      }
    },
  ),
  liar(
    'tries refused credentials for ever',
    'refusal: refused credentials: connect, publish and subscribe reject with AuthError, and again',
    class extends HonestTransport {
      protected override ours<T>(answer: Promise<T>): Promise<T> {
        return super.ours(answer).catch((error: unknown) => {
          if (error instanceof AuthError) return never<T>()
          throw error
        })
      }
    },
  ),
]
