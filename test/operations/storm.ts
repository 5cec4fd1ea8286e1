/*
 * npm run storm -- [--processes N] [--pending N] [--channels pattern|name|id|homes] [--down MS]
 *
 * Many processes lose the server in one moment (kill -9, then a restart of an empty one), each with
 * pending waits of a kept name, whose outcomes are emitted while nobody is connected. Tells how long
 * it takes until all stand again, what that costs the server, and how many waits were lost: exits
 * with 1 if any was. The figures in docs/operations.md are from here.
 */
import { join } from 'node:path'
import { performance } from 'node:perf_hooks'
import { setTimeout as delay } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import Redis from 'ioredis'
import { RedisTransport } from '@server-events/redis'
import { runNode, startRedis } from '@server-events/testing'
import { ServerEvents } from 'server-events'

const { values } = parseArgs({
  options: {
    processes: { type: 'string', default: '40' },
    pending: { type: 'string', default: '1000' },
    channels: { type: 'string', default: 'pattern' },
    down: { type: 'string', default: '2000' },
  },
})
const [processes, pending, down] = [values.processes, values.pending, values.down].map(Number) as [
  number,
  number,
  number,
]
if (![processes, pending, down].every(Number.isFinite)) throw new Error('--processes, --pending and --down are numbers')
/** Those of homes are channels by id, with ids of `createId`. */
const mode = values.channels as 'pattern' | 'name' | 'id' | 'homes'
const channels = mode === 'homes' ? 'id' : mode

const print = (text: string): boolean => process.stdout.write(`${text}\n`)
const field = (info: string, name: string): number => Number(new RegExp(`^${name}:(.*)\r?$`, 'm').exec(info)?.[1])

async function main(): Promise<void> {
  const redis = await startRedis({ args: ['--maxclients', '10000'] })
  const children = await Promise.all(
    Array.from({ length: processes }, (_, i) =>
      runNode(join(__dirname, 'storm-process.cjs'), { args: [redis.url, mode, String(i), String(pending)] }),
    ),
  )
  const emitting = new ServerEvents(
    new RedisTransport(redis.url, { channels, maxQueued: processes * pending, publishTimeout: 60_000 }),
    { keep: { job: 600_000 } },
  )
  emitting.onerror(() => undefined)
  let resolved = 0
  try {
    await emitting.init()
    const pendings = await Promise.all(children.map((child) => child.line(/^PENDING/, 120_000)))
    const suffixes = pendings.map((line) => line.split(' ')[1] ?? '')
    print(`${processes} processes, ${pending} waits each, channels ${mode}: all are pending`)

    await redis.kill()
    const emits: Promise<void>[] = []
    for (let i = 0; i < processes; i++)
      for (let id = 0; id < pending; id++) emits.push(emitting.emit('job', `${i}-${id}${suffixes[i]}`, id))
    await delay(down)
    const restarted = performance.now()
    await redis.restart()
    const listens = performance.now()
    const admin = new Redis(redis.url)
    // All of them stand when the last one does.
    await Promise.all(children.map((child) => child.line('STANDS', 120_000)))
    const stand = performance.now()
    await Promise.all(emits)
    const ends = await Promise.all(children.map((child) => child.line(/^SETTLED/, 180_000)))
    const settled = performance.now()
    resolved = ends.reduce((sum, line) => sum + Number(line.split(' ')[1]), 0)
    const info = await admin.info('everything')
    admin.disconnect()
    const cpu = field(info, 'used_cpu_user') + field(info, 'used_cpu_sys')
    const commands = [...info.matchAll(/^cmdstat_([^:]+):calls=(\d+)/gm)].map(([, name, calls]) => `${name} ${calls}`)
    print(`down for ${Math.round(listens - restarted + down)} ms`)
    print(`all stand ${Math.round(stand - listens)} ms after the server did, all waits settled after ${Math.round(settled - listens)} ms`)
    print(`connections ${field(info, 'total_connections_received')}, commands ${field(info, 'total_commands_processed')}: ${commands.join(', ')}`)
    print(`CPU of the server ${cpu.toFixed(2)} s, from its start until all were settled`)
    print(`${processes * pending - resolved} of ${processes * pending} waits lost`)
  } finally {
    await emitting.close()
    await Promise.all(children.map((child) => child.kill()))
    await redis.stop()
  }
  if (resolved !== processes * pending) process.exitCode = 1
} // prettier-ignore

void main()
