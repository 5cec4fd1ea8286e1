/* What a pending wait holds of the heap, in a process that is run with --expose-gc. */
import { randomUUID } from 'node:crypto'
import { MemoryHub, MemoryTransport } from '@server-events/memory'
import { ServerEvents } from 'server-events'
import type { Role } from './role'

export interface HeapTask {
  readonly role: 'heap'
  readonly peer: 'ours' | 'by-hand'
  /** With 'home' they are of `createId`, over a transport with homes. */
  readonly ids: 'short' | 'uuid' | 'home'
  readonly waits: number
}

interface Side {
  /** Begins a wait that nobody answers. */
  readonly begin: (id: string) => Promise<unknown>
  readonly createId: () => string
}

const hour = 3600 * 1000

async function ours(homes: boolean): Promise<Side> {
  const transport = new MemoryTransport({ hub: new MemoryHub(), routing: homes ? 'id' : 'name' })
  const events = new ServerEvents(transport, { listen: ['report'] })
  await events.init()
  return { begin: (id) => events.on('report', id, hour), createId: () => events.createId() }
}

function byHand(): Side {
  const pending = new Map<string, { resolve: (value: unknown) => void; timer: NodeJS.Timeout }>()
  const begin = (id: string): Promise<unknown> =>
    new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        pending.delete(id)
        reject(new Error('timeout'))
      }, hour)
      pending.set(id, { resolve, timer })
    })
  return { begin, createId: () => randomUUID() }
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

/** Tells the bytes a wait. */
export const run: Role<HeapTask> = async ({ peer, ids, waits }, tell) => {
  const { begin, createId } = peer === 'ours' ? await ours(ids === 'home') : byHand()
  const idAt = { short: String, uuid: () => randomUUID(), home: createId }[ids]
  const made = Array.from({ length: waits }, (_, index) => flat(idAt(index)))
  for (let warm = 0; warm < 1000; warm++) void begin(flat(idAt(-1 - warm)))
  await new Promise(setImmediate)
  const before = heapUsed()
  for (const id of made) void begin(id)
  await new Promise(setImmediate)
  const after = heapUsed()
  tell((after - before) / made.length)
  return () => undefined
}
