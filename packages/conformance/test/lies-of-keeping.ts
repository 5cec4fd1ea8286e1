import { ConnectionError, ForbiddenError, UncertainError } from 'server-events'
import type { EventKey, Keeper, Message } from 'server-events'
import { turns } from '@server-events/testing'
import type { ToyClient } from '@server-events/testing'
import { HonestTransport } from './honest-transport'
import { Watching, liar, never } from './liars'
import type { Liar, World } from './liars'
import {
  again,
  anySize,
  apart,
  expires,
  forbiddenStore,
  frozen,
  hundreds,
  inTime,
  intact,
  keptAcross,
  oneOnly,
  oneTick,
  recallable,
  stopped,
  stoppedRecall,
  twoKeys,
} from './titles'

/** An honest transport whose keeper is not. */
const keeps = (
  lie: string,
  fails: string,
  wrong: (honest: Keeper, transport: HonestTransport, world: World) => Partial<Keeper>,
  also: readonly string[] = [],
): Liar => ({
  lie,
  fails,
  also,
  make: (client, world) => {
    const transport = new HonestTransport(client)
    Object.assign(transport.keeper, wrong({ ...transport.keeper }, transport, world))
    return transport
  },
})

/** Stores something else than it was given, and publishes that as it is. */
const stores = (lie: string, fails: string, change: (message: Message) => Message | undefined): Liar =>
  keeps(lie, fails, (_, transport) => ({
    publish: async (key, message, keepMs) => {
      const changed = change(message)
      await Promise.all([changed && transport.store(key, changed, keepMs), transport.publish(key, message)])
    },
  }))

/** Keeps under another key than it was given. */
const keepsAs = (lie: string, change: (text: string) => string, also: readonly string[] = []): Liar =>
  liar(
    lie,
    apart,
    class extends HonestTransport {
      protected override storeKey({ name, id }: EventKey): string {
        return super.storeKey({ name: change(name), id: change(id) })
      }
    },
    also,
  )

export const liesOfKeeping: readonly Liar[] = [
  keeps(
    'keeps nothing',
    'keeping: what is kept can be recalled, by others and after its publisher has gone',
    (_, transport) => ({ publish: (key, message) => transport.publish(key, message) }),
    [forbiddenStore],
  ),
  keeps('publishes before it stores', recallable, (honest, transport) => ({
    publish: async (key, message, keepMs) => {
      const published = transport.publish(key, message)
      await turns(4)
      await Promise.all([published, transport.store(key, message, keepMs)])
    },
  })),
  keeps(
    'stores for ever',
    'keeping: what is kept goes after its time, and no later one with it',
    (honest) => ({
      publish: (key, message) => honest.publish(key, message, 2 ** 40),
    }),
    [again],
  ),
  keeps(
    'answers each key once',
    'keeping: recall answers each key, in order',
    (honest) => ({
      recall: (keys) => honest.recall([...new Map(keys.map((key) => [JSON.stringify(key), key])).values()]),
    }),
    [hundreds],
  ),
  keeps(
    'answers an error as absence',
    'keeping: what is not known is an Error, not absence; recall never rejects',
    (honest) => ({
      recall: async (keys) =>
        (await honest.recall(keys)).map((answer) => (answer instanceof Error ? undefined : answer)),
    }),
    [stoppedRecall, stopped, frozen, forbiddenStore],
  ),
  keeps(
    'forgets nothing',
    'keeping: forget removes one, and only that; forgetting nothing is fine',
    (honest) => ({
      // Closed it is all the same.
      forget: async (key) => {
        const [answer] = await honest.recall([key])
        if (answer instanceof Error) throw answer
      },
    }),
    [apart],
  ),
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
    [oneTick, intact],
  ),
  liar(
    "keeps ('a', 'b:c') and ('a:b', 'c') as one",
    twoKeys,
    class extends HonestTransport {
      protected override storeKey({ name, id }: EventKey): string {
        return `${name}:${id}`
      }
    },
    [apart, forbiddenStore],
  ),
  keepsAs('keeps without regard to case', (text) => text.toLowerCase(), [twoKeys, oneOnly]),
  keepsAs('keeps under the first 255 characters', (text) => text.slice(0, 255)),
  keepsAs('keeps under normalised keys', (text) => text.normalize('NFC')),
  keepsAs('leaves NUL out of its keys', (text) => text.replaceAll('\0', '')),
  keepsAs('trims its keys', (text) => text.trim(), [oneOnly]),
  stores('stores failures as events', intact, (message) => ({ ...message, kind: 'event' })),
  stores('stores no headers', intact, ({ headers: _, ...rest }) => rest),
  stores('forgets in the store that it is kept', intact, ({ kept: _, ...rest }) => rest),
  stores('stores strings up to their NUL', intact, ({ body, ...rest }) => ({
    ...rest,
    body: typeof body === 'string' ? body.replace(/\0.*/s, '') : body,
  })),
  stores('stores nothing large', anySize, (message) => (message.body.length > 50_000 ? undefined : message)),
  keeps('announces nothing large', anySize, (honest, transport) => ({
    publish: (key, message, keepMs) =>
      message.body.length > 50_000 ? transport.store(key, message, keepMs) : honest.publish(key, message, keepMs),
  })),
  keeps('publishes what is large before it stores it', recallable, (honest, transport) => ({
    publish: async (key, message, keepMs) => {
      if (message.body.length < 10_000) return honest.publish(key, message, keepMs)
      const published = transport.publish(key, message)
      await turns(3)
      await Promise.all([published, transport.store(key, message, keepMs)])
    },
  })),
  keeps('stores at once, but not what was stored before', recallable, (_, transport) => {
    const before = new Set<string>()
    return {
      publish: async (key, message, keepMs) => {
        const stored = before.has(key.id) ? turns(3).then(() => transport.store(key, message, keepMs)) : undefined
        before.add(key.id)
        await Promise.all([stored ?? transport.store(key, message, keepMs), transport.publish(key, message)])
      },
    }
  }),
  keeps('announces equal ones of a tick once', oneTick, (honest) => {
    const pending = new Map<string, Promise<void>>()
    return {
      publish: (key, message, keepMs) => {
        const address = JSON.stringify([key, message])
        const published = pending.get(address) ?? honest.publish(key, message, keepMs)
        pending.set(address, published)
        published.finally(() => pending.delete(address)).catch(() => {})
        return published
      },
    }
  }),
  keeps(
    'stores the first one of a tick',
    oneTick,
    (honest, transport) => {
      const pending = new Set<string>()
      return {
        publish: async (key, message, keepMs) => {
          const address = JSON.stringify(key)
          if (pending.has(address)) return transport.publish(key, message)
          pending.add(address)
          void turns(1).then(() => pending.delete(address))
          return honest.publish(key, message, keepMs)
        },
      }
    },
    [again],
  ),
  keeps('counts in seconds', inTime, (honest) => ({
    publish: (key, message, keepMs) => honest.publish(key, message, Math.floor(keepMs / 1_000) * 1_000),
  })),
  keeps('leaves out what is less than a second', inTime, (honest) => ({
    publish: (key, message, keepMs) =>
      honest.publish(key, message, keepMs < 1_000 ? keepMs : keepMs - (keepMs % 1_000)),
  })),
  keeps('keeps for half of the time', inTime, (honest) => ({
    publish: (key, message, keepMs) => honest.publish(key, message, keepMs / 2),
  })),
  keeps('takes a long time for none', inTime, (honest) => ({
    publish: (key, message, keepMs) => honest.publish(key, message, keepMs > 2 ** 30 ? 1 : keepMs),
  })),
  keeps(
    'never lengthens the time',
    again,
    (honest) => {
      const until = new Map<string, number>()
      return {
        publish: async (key, message, keepMs) => {
          const [at, now] = [JSON.stringify(key), performance.now()]
          const before = until.get(at) ?? 0
          until.set(at, before > now ? Math.min(before, now + keepMs) : now + keepMs)
          await honest.publish(key, message, Math.max(1, (until.get(at) ?? 0) - now))
        },
        forget: async (key) => {
          until.delete(JSON.stringify(key))
          await honest.forget(key)
        },
      }
    },
    [expires],
  ),
  keeps('never shortens the time', again, (honest) => {
    const until = new Map<string, number>()
    return {
      publish: (key, message, keepMs) => {
        const now = performance.now()
        const later = Math.max(now + keepMs, until.get(key.id) ?? 0)
        if (key.id === 'shorter') until.set(key.id, later)
        return honest.publish(key, message, Math.max(keepMs, (until.get(key.id) ?? 0) - now))
      },
    }
  }),
  keeps('does not keep again what has passed', again, (honest, transport) => {
    const until = new Map<string, number>()
    return {
      publish: (key, message, keepMs) => {
        const address = JSON.stringify(key)
        if ((until.get(address) ?? Infinity) < performance.now()) return transport.publish(key, message)
        until.set(address, performance.now() + keepMs)
        return honest.publish(key, message, keepMs)
      },
    }
  }),
  keeps('finds no more than 100', hundreds, (honest) => ({
    recall: async (keys) => {
      const answers = await honest.recall(keys.slice(0, 100))
      return keys.map((_, index) => answers[index])
    },
  })),
  keeps('answers a question with what another one asked for', hundreds, (honest) => {
    let pending: ReturnType<Keeper['recall']> | undefined
    return {
      recall: (keys) => {
        if (keys.length < 6) return honest.recall(keys)
        pending ??= honest.recall(keys).finally(() => (pending = undefined))
        return pending
      },
    }
  }),
  keeps('sorts what it is asked for', hundreds, (honest) => ({
    recall: (keys) => honest.recall(keys.length < 300 ? keys : keys.toSorted((a, b) => (a.id < b.id ? -1 : 1))),
  })),
  keeps(
    'forgets what begins alike',
    oneOnly,
    (honest, _, { retained: kept }) => ({
      publish: (key, message, keepMs) => {
        kept.set(JSON.stringify(key), '')
        return honest.publish(key, message, keepMs)
      },
      forget: async (key) => {
        const all = [...kept.keys()].map((address) => JSON.parse(address) as EventKey)
        const alike = all.filter(({ name, id }) => name === key.name && id.startsWith(key.id))
        await Promise.all([key, ...alike].map((one) => honest.forget(one)))
      },
    }),
    [apart],
  ),
  keeps('cannot keep again what was forgotten', oneOnly, (honest, transport, { retained: forgotten }) => ({
    publish: (key, message, keepMs) =>
      forgotten.has(JSON.stringify(key)) ? transport.publish(key, message) : honest.publish(key, message, keepMs),
    forget: (key) => {
      if (key.id === '1') forgotten.set(JSON.stringify(key), '')
      return honest.forget(key)
    },
  })),
  liar(
    'keeps what it has rejected while it was down',
    keptAcross,
    class extends Watching {
      override store(key: EventKey, message: Message, keepMs: number): Promise<void> {
        const stored = super.store(key, message, keepMs)
        if (this.closed || this.up || !this.wasUp) return stored
        stored.catch(() => {})
        return Promise.reject(new ConnectionError('the connection is down'))
      }
      protected override announce(key: EventKey, message: Message): Promise<void> {
        return this.closed || this.up || !this.wasUp
          ? super.announce(key, message)
          : Promise.reject(new ConnectionError('the connection is down'))
      }
    },
  ),
  liar(
    'never settles a forget that an interruption meets',
    keptAcross,
    class extends Watching {
      constructor(client: ToyClient) {
        super(client)
        const { forget } = this.keeper
        this.keeper.forget = (key) =>
          forget(key).catch((error: unknown) => {
            if (error instanceof UncertainError && !this.closed) return never()
            throw error
          })
      }
    },
    [frozen],
  ),
  keeps(
    'swallows the refusal of what it keeps',
    'refusal: a forbidden topic: keeper.publish rejects with ForbiddenError',
    (honest) => ({
      publish: (key, message, keepMs) =>
        honest.publish(key, message, keepMs).catch((error: unknown) => {
          if (!(error instanceof ForbiddenError)) throw error
        }),
    }),
    [forbiddenStore],
  ),
  keeps(
    'lets plain messages overtake large kept ones',
    'order: kept messages and plain ones do not overtake each other',
    (honest) => ({
      publish: async (key, message, keepMs) => {
        if (message.body.length > 30_000) await turns(2)
        await honest.publish(key, message, keepMs)
      },
    }),
  ),
]
