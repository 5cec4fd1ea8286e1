import { randomUUID } from 'node:crypto'
import { Redis } from 'ioredis'
import { RedisTransport, type RedisClientFactory } from '@server-events/redis'
import { startRedis } from '@server-events/testing'
import { ServerEvents } from 'server-events'
import { summarise } from '../contenders/compare'
import { name, payload } from '../peers/peer'
import type { Row } from '../row'

const eventsAFrame = 50
const frames = 20
/** Ids that are waited for, none of which comes. */
const others = Array.from({ length: 1000 }, (_, index) => `other-${index}`)

/** A call of `emit` of the subscribing client. */
type Heard = Parameters<Redis['emit']>

/** A server on a transport: its subscription stands. */
interface Server {
  /** Waits for the only event that it is sent. */
  wait(id: string): Promise<unknown>
  close(): Promise<void>
}

const kinds = [
  { title: 'short ids, frame of 50', metric: 'in the transport', idOf: String, serve: bare, target: { atMost: 80 } },
  { title: 'ids of 36 characters, frame of 50', metric: 'in the transport', idOf: () => randomUUID(), serve: bare },
  { title: 'short ids, frame of 50', metric: 'in all', idOf: String, serve: whole },
  { title: 'ids of 36 characters, frame of 50', metric: 'in all', idOf: () => randomUUID(), serve: whole },
] as const

/**
 * What a server does with an event that it does not wait for. Real messages of frames of 50 are
 * recorded where ioredis hands them over, and handed over again, many times.
 */
export async function skipped(share: number): Promise<Row[]> {
  const redis = await startRedis()
  try {
    const rows: Row[] = []
    for (const { title, metric, idOf, serve, ...more } of kinds) {
      const { replay, close } = await recorded(redis.url, idOf, serve)
      const times = Math.ceil(5000 * share)
      replay(times)
      const values = Array.from({ length: share < 1 ? 1 : 5 }, () => replay(times))
      await close()
      rows.push({ group: 'Unasked', title, metric, value: summarise(values), unit: 'ns', ...more })
    }
    return rows
  } finally {
    await redis.stop()
  }
}

/** The transport alone, which asks of each event whether it is wanted: the answer comes from a Set. */
async function bare(connect: RedisClientFactory): Promise<Server> {
  const transport = new RedisTransport(connect)
  const waited = new Set(others)
  let arrived = (): void => undefined
  const nothing = (): void => undefined
  transport.attach({
    wants: ({ id }) => waited.has(id),
    deliver: () => arrived(),
    ...{ state: nothing, lost: nothing, error: nothing },
  })
  await transport.subscribe({ name })
  return {
    wait: (id) => {
      waited.add(id)
      return new Promise<void>((resolve) => (arrived = resolve))
    },
    close: () => transport.close(),
  }
}

async function whole(connect: RedisClientFactory): Promise<Server> {
  const events = new ServerEvents(new RedisTransport(connect), { listen: [name] })
  await events.init()
  for (const id of others) void events.on(name, id)
  return { wait: (id) => events.on(name, id), close: () => events.close() }
}

interface Recording {
  /** Hands over all messages so many times; gives the nanoseconds that an event took. */
  readonly replay: (times: number) => number
  readonly close: () => Promise<void>
}

async function recorded(
  url: string,
  idOf: (index: number) => string,
  serve: (connect: RedisClientFactory) => Promise<Server>,
): Promise<Recording> {
  let client: Redis | undefined
  const server = await serve((role) => {
    const made = new Redis(url)
    if (role === 'subscribe') client = made
    return made
  })
  const emitter = new ServerEvents(new RedisTransport(url))
  await emitter.init()
  const heard = listenTo(client as Redis)
  for (let frame = 0; frame < frames; frame++) {
    const ids = Array.from({ length: eventsAFrame }, (_, index) => idOf(1_000_000 + frame * eventsAFrame + index))
    await Promise.all(ids.map((id) => emitter.emit(name, id, payload)))
  }
  const last = server.wait('last')
  await emitter.emit(name, 'last')
  await last
  heard.stop()
  if (heard.calls.length !== frames + 1) throw new Error(`${heard.calls.length} messages were heard, not ${frames + 1}`)
  const messages = heard.calls.slice(0, frames)
  await emitter.close()
  return {
    replay: (times) => {
      const begun = performance.now()
      for (let time = 0; time < times; time++) for (const call of messages) heard.emit(...call)
      return ((performance.now() - begun) * 1e6) / (times * frames * eventsAFrame)
    },
    close: () => server.close(),
  }
}

/** Notes what a client tells of messages, until it is stopped. */
function listenTo(client: Redis): { calls: Heard[]; emit: (...call: Heard) => boolean; stop: () => void } {
  const emit = client.emit.bind(client)
  const calls: Heard[] = []
  client.emit = (...call) => {
    if (/message/i.test(String(call[0])) && client.listenerCount(call[0]) > 0) calls.push(call)
    return emit(...call)
  }
  return { calls, emit, stop: () => void (client.emit = emit) }
}
