import { AuthError, ClosedError, ConnectionError, ForbiddenError } from 'server-events'
import type { ToyClient, ToyError } from '@server-events/testing'
import { HonestTransport } from './honest-transport'
import { liar, secret } from './liars'
import type { Liar } from './liars'
import { forbiddenStore, stoppedConnect } from './titles'

const credentials = 'refusal: refused credentials: connect, publish and subscribe reject with AuthError, and again'
const forbidden = 'refusal: a forbidden topic: subscribe rejects with ForbiddenError, in bounded time'
const lost = 'refusal: a topic that stood and is not allowed again is lost, once, before outputStore is up'
const told = 'interruption: it is told: down and up again, strictly alternating, on both sides'
const unknown = 'keeping: what is not known is an Error, not absence; recall never rejects'

/** Its errors are made otherwise. */
const errs = (lie: string, fails: string, wrong: (error: ToyError, honest: Error) => Error): Liar =>
  liar(
    lie,
    fails,
    class extends HonestTransport {
      protected override ourError(error: ToyError): Error {
        return wrong(error, super.ourError(error))
      }
    },
    'errors',
  )

export const liesOfErrors: readonly Liar[] = [
  errs('gives the password in an error', credentials, (error, honest) =>
    error.code === 'BAD_PASSWORD' ? new AuthError(`the broker refuses ${secret}`) : honest,
  ),
  errs('has the options in an error', credentials, (error, honest) =>
    error.code === 'BAD_PASSWORD' ? Object.assign(honest, { options: { password: secret } }) : honest,
  ),
  errs('has the URL where only who asks for it sees it', credentials, (error, honest) =>
    error.code === 'BAD_PASSWORD'
      ? Object.defineProperty(honest, 'url', { get: () => `toy://me:${secret}@host:1`, enumerable: true })
      : honest,
  ),
  errs('becomes JSON with the options', credentials, (error, honest) =>
    error.code === 'BAD_PASSWORD' ? Object.assign(honest, { toJSON: () => ({ password: secret }) }) : honest,
  ),
  errs('hands on the error of its client as a cause', forbidden, (error, honest) =>
    error.code === 'DENIED' ? new ForbiddenError(error.message, { cause: error }) : honest,
  ),
  liar(
    'tells the URL with the password when it cannot connect',
    stoppedConnect,
    class extends HonestTransport {
      protected override failed(): void {
        for (const side of ['inputStore', 'outputStore'] as const)
          this.receiver?.error(side, new ConnectionError(`cannot connect to toy://me:${secret}@host:1`))
      }
    },
    'errors',
  ),
  liar(
    "gives its client's error as the reason why it is down",
    told,
    class extends HonestTransport {
      protected override told(up: boolean): void {
        for (const side of ['inputStore', 'outputStore'] as const)
          this.receiver?.state(side, up, up ? undefined : new Error('socket hang up'))
      }
    },
    'errors',
  ),
  liar(
    "gives its client's error when a topic is lost",
    lost,
    class extends HonestTransport {
      protected override denied(subject: string): void {
        super.denied(subject)
        this.receiver?.error('outputStore', new Error('denied'))
      }
    },
    'errors',
  ),
  liar(
    'tells of a lost topic by its name alone',
    lost,
    class extends HonestTransport {
      protected override denied(subject: string): void {
        const [name = ''] = subject.split('/')
        this.topics.delete(subject)
        this.receiver?.lost({ name: decodeURIComponent(name) }, new ForbiddenError(`the broker forbids ${subject}`))
      }
    },
  ),
  liar(
    'recalls errors that are not ours',
    unknown,
    class extends HonestTransport {
      constructor(client: ToyClient) {
        super(client)
        const { recall } = this.keeper
        this.keeper.recall = async (keys) =>
          (await recall(keys)).map((answer) => (answer instanceof ClosedError ? new Error(answer.message) : answer))
      }
    },
    'errors',
  ),
  liar(
    'says of a store that is forbidden that nothing is kept',
    forbiddenStore,
    class extends HonestTransport {
      constructor(client: ToyClient) {
        super(client)
        const { recall } = this.keeper
        this.keeper.recall = async (keys) =>
          (await recall(keys)).map((answer) => (answer instanceof ForbiddenError ? undefined : answer))
      }
    },
  ),
]
