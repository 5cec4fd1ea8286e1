import Redis from 'ioredis'
import type { RedisTransportOptions } from '@server-events/redis'
import { useRedis } from './support/stage'

const redis = useRedis()
const name = 'report: 100%'

interface Member {
  readonly label: string
  /** Resolves, when the wait can no longer miss an event, with the promise of its args. */
  wait(id: string): Promise<{ event: Promise<unknown[]> }>
  emit(id: string, ...args: unknown[]): Promise<unknown>
  stop(): Promise<unknown>
}

/** A process that still runs 1.2.0: one SUBSCRIBE a wait on `name:id`, and `[name, id, ...args]` as JSON. */
function former(): Member {
  const subscriber = new Redis(redis.server.url)
  const publisher = new Redis(redis.server.url)
  return {
    label: '1.2.0',
    async wait(id) {
      const channel = `${name}:${id}`
      const event = new Promise<unknown[]>((resolve) => {
        const heard = (at: string, message: string): void => {
          if (at !== channel) return
          subscriber.off('message', heard)
          void subscriber.unsubscribe(channel)
          resolve((JSON.parse(message) as unknown[]).slice(2))
        }
        subscriber.on('message', heard)
      })
      await subscriber.subscribe(channel)
      return { event }
    },
    emit: (id, ...args) => publisher.publish(`${name}:${id}`, JSON.stringify([name, id, ...args])),
    // After what is still under way: it may be an UNSUBSCRIBE, which would reject.
    stop: () => Promise.all([subscriber.quit(), publisher.quit()]),
  }
}

async function current(wire: NonNullable<RedisTransportOptions['wire']>): Promise<Member> {
  const events = redis.connect({ listen: [name] }, { wire })
  await events.init()
  return {
    label: wire,
    wait: (id) => Promise.resolve({ event: events.on(name, id) }),
    emit: (id, ...args) => events.emit(name, id, ...args),
    stop: () => events.close(),
  }
}

/** Every member waits for every member, itself included. */
async function exchange(fleet: readonly Member[], step: string): Promise<void> {
  const pairs = fleet.flatMap((to, t) => fleet.map((from, f) => ({ to, from, id: `${step}:${f}%${t}` })))
  const waits = await Promise.all(pairs.map(({ to, id }) => to.wait(id)))
  await Promise.all(pairs.map(({ from, id }) => from.emit(id, 'for', id, { n: 1 })))
  const heard = await Promise.all(waits.map(({ event }) => event))
  expect(heard).toEqual(pairs.map(({ id }) => ['for', id, { n: 1 }]))
}

test('a fleet goes from 1.2.0 to wire 2, process by process, without a lost wait', async () => {
  const fleet: Member[] = [former(), former(), former()]
  await exchange(fleet, 'start')
  for (const wire of ['1.x', 'both', '2'] as const) {
    for (const index of fleet.keys()) {
      const next = await current(wire)
      await fleet[index]?.stop()
      fleet[index] = next
      await exchange(fleet, `${wire}/${index}`)
    }
  }
  expect(fleet.map(({ label }) => label)).toEqual(['2', '2', '2'])
})

test('a failure reaches those that hear wire 2; a 1.2.0 wait runs on', async () => {
  const waiting = redis.connect({ listen: [name] }, { wire: '1.x' })
  const failing = redis.connect({}, { wire: '1.x' })
  await waiting.init()
  const old = former()
  const { event } = await old.wait('1')
  const wait = waiting.on(name, 1)
  await failing.fail(name, 1, new Error('no'))
  await expect(wait).rejects.toMatchObject({ code: 'ERR_REMOTE', message: 'no' })
  // The sentinel: the old wait is still there, and gets what 1.2.0 understands.
  await failing.emit(name, 1, 'yes')
  expect(await event).toEqual(['yes'])
  await old.stop()
})
