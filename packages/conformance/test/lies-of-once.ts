import { AlreadySettledError } from 'server-events'
import type { EventKey, Message, Once } from 'server-events'
import type { ToyClient } from '@server-events/testing'
import { liar } from './liars'
import type { Liar } from './liars'
import { OnceTransport } from './once-transport'
import { holds, many, next, none, same } from './titles'

type Publish = (key: EventKey, message: Message, keepMs: number, once: Once) => Promise<void>

/** One that lies about what is kept once. */
const lies = (
  lie: string,
  fails: string,
  wrong: (honest: Publish, transport: OnceTransport) => Publish,
  also: readonly string[] = [],
): Liar =>
  liar(
    lie,
    fails,
    class extends OnceTransport {
      constructor(client: ToyClient) {
        super(client)
        const { publish } = this.keeper
        const lying = wrong(publish.bind(this.keeper), this)
        this.keeper.publish = (key, message, ms, once) =>
          once ? lying(key, message, ms, once) : publish(key, message, ms)
      }
    },
    also,
  )

export const liesOfOnce: readonly Liar[] = [
  lies(
    'keeps the last one once',
    holds,
    (_, transport) => (key, message, ms) => transport.keeper.publish(key, message, ms),
    [same, many, next, none],
  ),
  lies('rejects who comes second in silence', holds, (honest, transport) => async (key, message, ms, once) => {
    const [held] = await transport.keeper.recall([key])
    if (held && 'kind' in held && once(held) === 'other') throw new AlreadySettledError('another outcome holds')
    await honest(key, message, ms, once)
  }),
  lies(
    'announces what came second',
    holds,
    (honest, transport) => async (key, message, ms, once) => {
      const published = honest(key, message, ms, once)
      await published.catch(() => transport.publish(key, message))
      await published
    },
    [many],
  ),
  lies(
    'takes the same one for another',
    same,
    (honest) => (key, message, ms, once) =>
      honest(key, message, ms, (held) => (once(held) === 'same' ? 'other' : once(held))),
    [next],
  ),
  lies('announces nothing of the same one', same, (honest, transport) => async (key, message, ms, once) => {
    const [held] = await transport.keeper.recall([key])
    if (!held || !('kind' in held) || once(held) !== 'same') await honest(key, message, ms, once)
  }),
  lies(
    'looks first, and stores then',
    many,
    (_, transport) => async (key, message, ms, once) => {
      const [held] = (await transport.keeper.recall([key])) as [Message | undefined]
      const isFree = held === undefined || once(held) === 'none'
      await (isFree ? transport.keeper.publish(key, message, ms) : transport.publish(key, held))
      if (!isFree && once(held) === 'other') throw new AlreadySettledError('another outcome holds')
    },
    [none, next],
  ),
  lies('announces before it has stored', many, (honest, transport) => async (key, message, ms, once) => {
    const [held] = await transport.keeper.recall([key])
    if (held === undefined && message.kind === 'event' && key.id.startsWith('many'))
      await transport.publish(key, message)
    await honest(key, message, ms, once)
  }),
  lies('begins the time of what holds anew', next, (honest, transport) => async (key, message, ms, once) => {
    const [held] = await transport.keeper.recall([key])
    if (held && 'kind' in held && once(held) === 'other') await transport.store(key, held, ms)
    await honest(key, message, ms, once)
  }),
  lies('keeps the same one again for its new time', next, (honest, transport) => async (key, message, ms, once) => {
    await honest(key, message, ms, once)
    await transport.store(key, message, ms)
  }),
  lies(
    'takes what is none for another',
    none,
    (honest) => (key, message, ms, once) =>
      honest(key, message, ms, (held) => (once(held) === 'none' ? 'other' : once(held))),
  ),
  lies(
    'replaces what is none whatever has come instead',
    none,
    (honest, transport) => async (key, message, ms, once) => {
      const [held] = (await transport.keeper.recall([key])) as [Message | undefined]
      if (!held || once(held) !== 'none') return honest(key, message, ms, once)
      await transport.keeper.publish(key, message, ms)
    },
  ),
]
