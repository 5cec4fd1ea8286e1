import { parseArgs } from 'node:util'
import { patience } from './api-server'
import { connect } from './events'
import { startFleet } from './fleet'
import { startFront } from './front'
import type { Front, FrontOptions } from './front'
import { runOnce } from './once'
import { openStore } from './store'
import { startWatch } from './watch'

const usage = `npm run demo -- [--once] [--memory]

  --once    without a browser: a success, a failure and a timeout, then exit (0 if all came out right)
  --memory  without Redis: everything in one process

REDIS_URL   a Redis to use instead of one of its own
PORT        the page's port; by default 8080, or a free one if that is taken`

/** What has been started, to be stopped in reverse. */
const started: { stop(): Promise<void> }[] = []
let stopping: Promise<void> | undefined

function stop(): Promise<void> {
  stopping ??= (async () => {
    for (const part of started.reverse()) await part.stop()
  })()
  return stopping
}

async function main(): Promise<void> {
  const options = { once: { type: 'boolean' }, memory: { type: 'boolean' }, help: { type: 'boolean' } } as const
  const { values } = parseArgs({ options })
  if (values.help) {
    console.log(usage)
    return
  }

  for (const [signal, code] of [
    ['SIGINT', 130],
    ['SIGTERM', 143],
  ] as const) {
    // Once: a second Ctrl-C ends it at once, and nothing outlives it even then.
    process.once(signal, () => {
      console.log('\nstopping: what is being waited for is answered first')
      void stop().finally(() => process.exit(code))
    })
  }

  const store = await openStore(values.memory ?? false)
  started.push(store)
  const fleet = await startFleet(store.redisUrl, (role) => {
    console.error(`${role} ended unexpectedly: stopping`)
    void stop().finally(() => process.exit(1))
  })
  started.push(fleet)
  const watch = await startWatch(connect('page', store.redisUrl))
  const { cut } = store
  const { apiPorts, replaceWorker } = fleet
  const faults = {
    ...(cut ? { '/faults/cut': cut } : {}),
    ...(replaceWorker ? { '/faults/kill': () => (watch.killed(), replaceWorker()) } : {}),
  }
  const about = { store: store.description, patience, faults: Object.keys(faults) }
  const front = await openFront(values.once ? 0 : undefined, {
    apiPorts,
    about,
    faults,
    watch: (response) => watch.add(response),
  })
  // The watch first: its responses would keep the front from stopping.
  started.push(front, watch)

  console.log(['', store.description, ...fleet.lines, ''].join('\n'))
  if (!values.once) {
    console.log(`Open ${front.url} (Ctrl-C stops everything)`)
    return
  }
  const right = await runOnce(front.url, (line) => console.log(line))
  console.log(right ? '\nAll three came out right.' : '\nNot everything came out right.')
  process.exitCode = right ? 0 : 1
  await stop()
}

/** On a port that was not asked for, a free one will do as well. */
async function openFront(fixed: number | undefined, options: Omit<FrontOptions, 'port'>): Promise<Front> {
  const asked = fixed ?? (process.env['PORT'] ? Number(process.env['PORT']) : undefined)
  if (asked !== undefined) return startFront({ ...options, port: asked })
  try {
    return await startFront({ ...options, port: 8080 })
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EADDRINUSE') throw error
    return startFront({ ...options, port: 0 })
  }
}

main().catch(async (error: unknown) => {
  console.error((error as Error).message)
  process.exitCode = 1
  await stop()
})
