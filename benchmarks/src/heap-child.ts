/*
 * What a pending wait holds of the heap, in a process of its own that is run with --expose-gc.
 *
 *     heap-child.js ours|by-hand short|uuid WAITS
 */
import { randomUUID } from 'node:crypto'
import { MemoryHub, MemoryTransport } from '@server-events/memory'
import { ServerEvents } from 'server-events'

const [peer, ids, waits] = process.argv.slice(2)

/** Begins a wait that nobody answers. */
type Begin = (id: string) => Promise<unknown>

const hour = 3600 * 1000

async function ours(): Promise<Begin> {
  const events = new ServerEvents(new MemoryTransport({ hub: new MemoryHub() }), { listen: ['report'] })
  await events.init()
  return (id) => events.on('report', id, hour)
}

function byHand(): Begin {
  const pending = new Map<string, { resolve: (value: unknown) => void; timer: NodeJS.Timeout }>()
  return (id) =>
    new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        pending.delete(id)
        reject(new Error('timeout'))
      }, hour)
      pending.set(id, { resolve, timer })
    })
}

/** A string as a socket or a parser gives it: one put together of parts would be copied when it becomes a key. */
function flat(text: string): string {
  return Buffer.from(text, 'latin1').toString('latin1')
}

function heapUsed(): number {
  globalThis.gc?.()
  globalThis.gc?.()
  return process.memoryUsage().heapUsed
}

async function main(): Promise<void> {
  const begin = peer === 'ours' ? await ours() : byHand()
  const made = Array.from({ length: Number(waits) }, (_, index) => flat(ids === 'short' ? String(index) : randomUUID()))
  for (let warm = 0; warm < 1000; warm++) void begin(`warm-${warm}`)
  await new Promise(setImmediate)
  const before = heapUsed()
  for (const id of made) void begin(id)
  await new Promise(setImmediate)
  const after = heapUsed()
  console.log((after - before) / made.length)
  process.exit()
}

void main()
