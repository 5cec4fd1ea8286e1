import { randomUUID } from 'node:crypto'
import { Redis } from 'ioredis'
import { RedisTransport } from '@server-events/redis'
import { startRedis } from '@server-events/testing'
import { ServerEvents } from 'server-events'
import { summarise } from './compare'
import { name, payload } from './peers/peer'
import type { Row } from './row'

const eventsAFrame = 50
const frames = 200

/** A call of `emit` of the subscribing client. */
type Heard = Parameters<Redis['emit']>

/**
 * What the transport does with an event that its server does not wait for: real messages of frames
 * of 50 are recorded where ioredis hands them over, and handed over again, many times. The server
 * has a thousand waits for other ids of the same name.
 */
export async function skipped(share: number): Promise<Row[]> {
  const redis = await startRedis()
  const group = 'Unasked'
  try {
    const rows: Row[] = []
    for (const { title, idOf, ...more } of [
      { title: 'short ids, frame of 50', idOf: String, target: { atMost: 80 } },
      { title: 'ids of 36 characters, frame of 50', idOf: () => randomUUID() },
    ]) {
      const values = await nanoseconds(redis.url, idOf, Math.ceil(500 * share), share < 1 ? 1 : 5)
      rows.push({ group, title, metric: 'in the transport', value: summarise(values), unit: 'ns', ...more })
    }
    return rows
  } finally {
    await redis.stop()
  }
}

async function nanoseconds(
  url: string,
  idOf: (index: number) => string,
  times: number,
  rounds: number,
): Promise<number[]> {
  let subscriber: Redis | undefined
  const server = new ServerEvents(
    new RedisTransport((role) => {
      const client = new Redis(url)
      if (role === 'subscribe') subscriber = client
      return client
    }),
    { listen: [name] },
  )
  const emitter = new ServerEvents(new RedisTransport(url))
  await Promise.all([server.init(), emitter.init()])
  for (let index = 0; index < 1000; index++) void server.on(name, `other-${index}`)
  const client = subscriber as Redis
  const heard: Heard[] = []
  const emit = client.emit.bind(client)
  client.emit = (...call) => {
    if (/message/i.test(String(call[0])) && client.listenerCount(call[0]) > 0) heard.push(call)
    return emit(...call)
  }
  for (let frame = 0; frame < frames; frame++) {
    const emits = Array.from({ length: eventsAFrame }, (_, index) => {
      return emitter.emit(name, idOf(1_000_000 + frame * eventsAFrame + index), payload)
    })
    await Promise.all(emits)
  }
  const last = server.on(name, 'last')
  await emitter.emit(name, 'last')
  await last
  client.emit = emit
  heard.pop()
  if (heard.length !== frames) throw new Error(`${heard.length} messages were heard, not ${frames}`)

  const round = (): number => {
    const begun = performance.now()
    for (let time = 0; time < times; time++) for (const call of heard) emit(...call)
    return ((performance.now() - begun) * 1e6) / (times * frames * eventsAFrame)
  }
  round()
  const values = Array.from({ length: rounds }, round)
  await Promise.all([server.close(), emitter.close()])
  return values
}
