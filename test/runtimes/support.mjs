// What the programs of this folder share. They run on Node, Bun and Deno alike, started by scripts/test-runtimes.mjs,
// which has the servers and strikes faults when it is asked to over HTTP.
import { MemoryHub, MemoryTransport } from '@server-events/memory'
import { NatsTransport } from '@server-events/nats'
import { PostgresTransport } from '@server-events/postgres'
import { RedisTransport } from '@server-events/redis'
import { ServerEvents } from 'server-events'

/** 'memory', 'redis', 'nats' or 'postgres'. */
export const stage = process.env.STAGE
const hub = new MemoryHub()
const open = []

function makeTransport() {
  if (stage === 'memory') return new MemoryTransport({ hub })
  // Short, so that what is found by it is found soon; each side has its own connection through the proxy.
  const options = { heartbeat: 300 }
  if (stage === 'redis') return new RedisTransport(process.env.SERVER, options)
  if (stage === 'postgres') return new PostgresTransport(process.env.SERVER, options)
  return new NatsTransport({ servers: process.env.SERVER }, options)
}

export function connect(options) {
  const events = new ServerEvents(makeTransport(), options)
  // What a fault brings up is no news here.
  events.onerror(() => {})
  open.push(events)
  return events
}

/** Strikes a fault, or has another process do something; resolves when that is done. */
export async function ask(what, parameters = {}) {
  if (stage === 'memory') {
    if (what === 'down') hub.disconnect()
    if (what === 'up') hub.reconnect()
    return
  }
  const response = await fetch(`${process.env.CONTROL}/${what}?${new URLSearchParams(parameters)}`)
  if (!response.ok) throw new Error(`${what}: ${await response.text()}`)
  await response.text()
}

/** Runs one check after another and says of each how it ended; then the process must end by itself. */
export async function main(checks) {
  for (const [title, check] of Object.entries(checks)) {
    try {
      await check()
      console.log(`ok ${title}`)
    } catch (error) {
      console.log(`not ok ${title}: ${error?.stack ?? error}`)
    }
    await Promise.all(open.splice(0).map((events) => events.close()))
  }
  console.log('done')
}

export async function rejection(promise) {
  try {
    await promise
  } catch (error) {
    return error
  }
  throw new Error('it did not reject')
}
