// How long the way of an event is through our files: instruments a private copy of the built packages, makes every trip
// on a Redis of its own and counts the files that it enters and how often it returns to one that it had left. Writes the
// table into CONTRIBUTING.md; with `--check` compares it instead, and with `--show 'an emit'` prints that way.
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { format } from 'prettier'
import { instrument } from './lib/instrument.mjs'
import { makeTrips } from './lib/trips.mjs'

/**
 * @typedef {import('./lib/trips.mjs').Entry} Entry
 * @typedef {{ file: string, names: string[] }} Stay
 */

const root = fileURLToPath(new URL('..', import.meta.url))
const page = join(root, 'CONTRIBUTING.md')
const [begin, end] = ['<!-- from scripts/trip.mjs -->', '<!-- end -->']

/** A heartbeat or another timer may come between: the shortest of so many rounds had none. */
const rounds = 5

/** Files and returns as this script counted them before core and Redis were put into folders by behaviour. */
/** @type {Record<string, string>} */
const before = {
  'an emit': '22, 33',
  'a kept emit': '24, 37',
  'a wait': '12, 11',
  'a recall': '23, 37',
  'a deadline': '14, 12',
  'a settled wait': '20, 9',
  'a reconnect': '24, 47',
}

/** The packages in a folder of their own, instrumented. */
function instrumentedCopy() {
  const folder = mkdtempSync(join(tmpdir(), 'server-events-trip-'))
  const modules = join(folder, 'node_modules')
  mkdirSync(join(modules, '@server-events'), { recursive: true })
  for (const [name, source] of /** @type {const} */ ([
    ['server-events', 'core'],
    ['@server-events/redis', 'redis'],
  ])) {
    for (const part of ['package.json', 'dist']) {
      cpSync(join(root, 'packages', source, part), join(modules, name, part), { recursive: true })
    }
    instrument(join(modules, name, 'dist'), source)
  }
  symlinkSync(join(root, 'node_modules/ioredis'), join(modules, 'ioredis'))
  return folder
}

/** @param {readonly Entry[]} entries */
function staysOf(entries) {
  /** @type {Stay[]} */
  const stays = []
  for (const { file, name } of entries) {
    const last = stays.at(-1)
    if (last?.file === file) last.names.push(name)
    else stays.push({ file, names: [name] })
  }
  return stays
}

/** @param {readonly Stay[]} stays */
function countsOf(stays) {
  const files = new Set(stays.map(({ file }) => file)).size
  return { files, returns: stays.length - files }
}

/** The ways of all trips: of each the shortest round. */
async function measure() {
  const folder = instrumentedCopy()
  const required = createRequire(join(folder, 'index.js'))
  const { startRedis } = /** @type {typeof import('@server-events/testing')} */ (
    createRequire(import.meta.url)('@server-events/testing')
  )
  const redis = await startRedis()
  try {
    const core = /** @type {typeof import('server-events')} */ (required('server-events'))
    const transport = /** @type {typeof import('@server-events/redis')} */ (required('@server-events/redis'))
    const { Redis } = /** @type {typeof import('ioredis')} */ (required('ioredis'))
    const tools = { core, redis: transport, Redis, url: redis.url }
    /** @type {Record<string, Stay[]>} */
    const shortest = {}
    for (let round = 0; round < rounds; round++) {
      for (const [trip, entries] of Object.entries(await makeTrips(tools, round))) {
        const stays = staysOf(entries)
        if (stays.length < (shortest[trip]?.length ?? Infinity)) shortest[trip] = stays
      }
    }
    return shortest
  } finally {
    await redis.stop()
    rmSync(folder, { recursive: true })
  }
}

/** @param {Record<string, Stay[]>} trips */
function table(trips) {
  const rows = Object.entries(trips).map(([trip, stays]) => {
    const { files, returns } = countsOf(stays)
    return `| ${trip} | ${files} | ${returns} | ${before[trip] ?? ''} |`
  })
  const head = ['| trip | files entered | returns to a file left before | at first (files, returns) |', '|-|-|-|-|']
  return format([...head, ...rows].join('\n'), { parser: 'markdown' })
}

const { values } = parseArgs({ options: { check: { type: 'boolean' }, show: { type: 'string' } } })
const trips = await measure()
const written = await table(trips)
const text = readFileSync(page, 'utf8')
const [from, to] = [text.indexOf(begin) + begin.length, text.indexOf(end, text.indexOf(begin))]
console.log(written)
if (values.show !== undefined) {
  for (const { file, names } of trips[values.show] ?? []) console.log(`${file}  ${names.join(' ')}`)
} else if (from < begin.length || to < 0) {
  throw new Error(`CONTRIBUTING.md has no place for the table: ${begin} and, below, ${end}`)
} else if (values.check) {
  if (text.slice(from, to).trim() !== written.trim()) {
    console.error('CONTRIBUTING.md says otherwise: run node scripts/trip.mjs')
    process.exitCode = 1
  }
} else {
  writeFileSync(page, `${text.slice(0, from)}\n\n${written.trim()}\n\n${text.slice(to)}`)
}
