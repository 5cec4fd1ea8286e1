import type { EventKey, Keeper } from 'server-events'
import { turns } from '@server-events/testing'
import { HonestTransport } from './honest-transport'
import { liar } from './liars'
import type { Liar } from './liars'

/** An honest transport whose keeper is not. */
const keeps = (
  lie: string,
  fails: string,
  wrong: (honest: Keeper, transport: HonestTransport) => Partial<Keeper>,
): Liar => ({
  lie,
  fails,
  make: (client) => {
    const transport = new HonestTransport(client)
    Object.assign(transport.keeper, wrong({ ...transport.keeper }, transport))
    return transport
  },
})

export const liesOfKeeping: readonly Liar[] = [
  keeps(
    'keeps nothing',
    'keeping: what is kept can be recalled, intact, by others and after its publisher has gone',
    (_, transport) => ({ publish: (key, message) => transport.publish(key, message) }),
  ),
  keeps(
    'publishes before it stores',
    'keeping: whoever hears a kept message could already have recalled it',
    (honest, transport) => ({
      publish: async (key, message, keepMs) => {
        const published = transport.publish(key, message)
        await turns(4)
        await Promise.all([published, transport.store(key, message, keepMs)])
      },
    }),
  ),
  keeps('stores for ever', 'keeping: what is kept goes after its time, and no later one with it', (honest) => ({
    publish: (key, message) => honest.publish(key, message, 2 ** 40),
  })),
  keeps('answers each key once', 'keeping: recall answers each key, in order', (honest) => ({
    recall: (keys) => honest.recall([...new Map(keys.map((key) => [JSON.stringify(key), key])).values()]),
  })),
  keeps(
    'answers an error as absence',
    'keeping: what is not known is an Error, not absence; recall never rejects',
    (honest) => ({
      recall: async (keys) =>
        (await honest.recall(keys)).map((answer) => (answer instanceof Error ? undefined : answer)),
    }),
  ),
  keeps('forgets nothing', 'keeping: forget removes one, and only that; forgetting nothing is fine', (honest) => ({
    // Closed it is all the same.
    forget: async (key) => {
      const [answer] = await honest.recall([key])
      if (answer instanceof Error) throw answer
    },
  })),
  keeps(
    'lets plain messages overtake kept ones',
    'order: kept messages and plain ones do not overtake each other',
    (honest, transport) => ({
      publish: async (key, message, keepMs) => {
        await transport.store(key, message, keepMs)
        await transport.publish(key, message)
      },
    }),
  ),
  keeps(
    'keeps what is only published',
    'keeping: the last one that is kept wins; publish neither keeps nor replaces',
    (_, transport) => {
      const publish = transport.publish.bind(transport)
      transport.publish = async (key, message) => {
        await publish(key, message)
        await transport.store(key, message, 60_000)
      }
      return {
        publish: async (key, message, keepMs) => {
          await Promise.all([transport.store(key, message, keepMs), publish(key, message)])
        },
      }
    },
  ),
  liar(
    "keeps ('a', 'b:c') and ('a:b', 'c') as one",
    "keeping: ('a', 'b:c') and ('a:b', 'c') are kept apart",
    class extends HonestTransport {
      protected override storeKey({ name, id }: EventKey): string {
        return `${name}:${id}`
      }
    },
  ),
]
