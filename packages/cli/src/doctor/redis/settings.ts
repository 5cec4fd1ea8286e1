import { docs, bad, ok, warn } from '../finding'
import type { Finding } from '../finding'
import { fieldsOf } from '../../redis/client'
import type { Client } from '../../redis/client'

type Settings = Readonly<Record<string, string>>

const asked = [
  'maxmemory',
  'maxmemory-policy',
  'save',
  'appendonly',
  'appendfsync',
  'client-output-buffer-limit',
  'timeout',
  'tcp-keepalive',
  'maxclients',
]

interface Needs {
  readonly keep: boolean
  /** In bytes. */
  readonly maxPayload: number
}

/** What the server is set to do with memory, outcomes and connections. */
export async function checkSettings(client: Client, { keep, maxPayload }: Needs): Promise<Finding[]> {
  const info = fieldsOf(await client.text('INFO'))
  const { settings, refused } = await readSettings(client)
  // Managed servers refuse CONFIG; what matters most is told by INFO as well.
  const all: Settings = {
    ...(info['maxmemory'] !== undefined && { maxmemory: info['maxmemory'] }),
    ...(info['maxmemory_policy'] !== undefined && { 'maxmemory-policy': info['maxmemory_policy'] }),
    ...(info['aof_enabled'] !== undefined && { appendonly: info['aof_enabled'] === '1' ? 'yes' : 'no' }),
    ...(info['maxclients'] !== undefined && { maxclients: info['maxclients'] }),
    ...settings,
  }
  const findings = [
    ...(keep ? [eviction(all), memory(all, info), persistence(all, info)] : []),
    outputBuffer(all, maxPayload),
    idleTimeout(all),
    keepalive(all),
    clients(all, info),
  ].filter((finding) => finding !== undefined)
  if (refused !== undefined)
    findings.push(
      warn(
        'settings',
        `CONFIG GET is refused (${refused}): not everything could be read`,
        'ask again as a user with +config|get, or compare with the table yourself',
        docs.settings,
      ),
    )
  return findings
}

/** One by one: Redis 6 takes no more. */
async function readSettings(client: Client): Promise<{ settings: Settings; refused: string | undefined }> {
  const settings: Record<string, string> = {}
  for (const name of asked) {
    const { value, refused } = await client.ask('CONFIG', 'GET', name)
    if (refused !== undefined) return { settings, refused }
    const [key, text] = Array.isArray(value) ? (value as unknown[]) : []
    if (typeof key === 'string' && typeof text === 'string') settings[key] = text
  }
  return { settings, refused: undefined }
}

function eviction({ maxmemory, 'maxmemory-policy': policy }: Settings): Finding | undefined {
  if (policy === undefined) return undefined
  if (policy === 'noeviction') return ok('eviction', 'noeviction: what is kept stays for as long as it should')
  const fix = 'CONFIG SET maxmemory-policy noeviction; if this server is also a cache, use another one for events'
  if (Number(maxmemory) > 0)
    return bad('eviction', `${policy} with a limit of ${megabytes(Number(maxmemory))}: kept outcomes may be dropped before their time, and nobody is told`, fix, docs.settings) // prettier-ignore
  return warn('eviction', `${policy}, for now without a limit: with one, kept outcomes would be dropped before their time`, fix, docs.settings) // prettier-ignore
}

function memory(
  { maxmemory }: Settings,
  { used_memory: used, total_system_memory: system }: Settings,
): Finding | undefined {
  if (used === undefined || maxmemory === undefined) return undefined
  const limit = Number(maxmemory)
  const found = `${megabytes(Number(used))} used of ${limit === 0 ? 'no limit' : megabytes(limit)}`
  const fix = 'raise maxmemory, or keep outcomes for a shorter time: the page has a formula'
  if (limit > 0 && Number(used) >= limit)
    return bad(
      'memory',
      `${found}: outcomes are refused (OOM), emits with keep reject with NotKeptError`,
      fix,
      docs.memory,
    )
  if (limit > 0 && Number(used) > 0.9 * limit) return warn('memory', found, fix, docs.memory)
  if (limit === 0 && Number(used) > 0.8 * Number(system))
    return warn('memory', `${found}, on a machine of ${megabytes(Number(system))}`, 'set maxmemory, so that the machine is not the limit', docs.memory) // prettier-ignore
  return ok('memory', found)
}

function persistence(
  settings: Settings,
  { aof_last_write_status: aof, rdb_last_bgsave_status: rdb }: Settings,
): Finding | undefined {
  // prettier-ignore
  const { appendonly, appendfsync, save } = settings
  if (appendonly === undefined) return undefined
  if (aof === 'err' || rdb === 'err')
    return bad('persistence', 'the last write to disk failed: the server may refuse to keep outcomes (MISCONF)', 'look into its log, and at the space on its disk', docs.settings) // prettier-ignore
  if (appendonly === 'yes') {
    const lost: Readonly<Record<string, string>> = {
      always: 'nothing',
      everysec: 'up to a second',
      no: 'what the machine had not written yet',
    }
    const forgets = lost[appendfsync ?? ''] ?? 'something'
    return ok(
      'persistence',
      `appendonly, appendfsync ${appendfsync ?? '?'}: a crash forgets ${forgets} of the kept outcomes`,
    )
  }
  const snapshots = save !== undefined && save !== ''
  return warn(
    'persistence',
    snapshots
      ? `snapshots (${save}): a crash forgets the outcomes that were kept since the last one`
      : 'none: a restart forgets all kept outcomes; waits that pend then run to their timeout unless the event comes again',
    'set appendonly yes if that is too much to lose',
    docs.settings,
  )
}

/** What an event of maxPayload may be on the wire: bytes travel as base64, and headers with them. */
const frameOf = (maxPayload: number): number => (4 / 3) * maxPayload + 16_384

function outputBuffer({ 'client-output-buffer-limit': limits }: Settings, maxPayload: number): Finding | undefined {
  const [, hard, soft, seconds] = (/(?:^| )pubsub (\d+) (\d+) (\d+)/.exec(limits ?? '') ?? []).map(Number)
  if (hard === undefined || soft === undefined || seconds === undefined) return undefined
  const found = `pubsub ${hard === 0 ? 'without a limit' : megabytes(hard)}, ${soft === 0 ? 'no soft limit' : `${megabytes(soft)} for ${seconds} s`}` // prettier-ignore
  const fix = 'CONFIG SET client-output-buffer-limit "pubsub 32mb 8mb 60", or more for larger events'
  const frame = frameOf(maxPayload)
  if (hard > 0 && hard < frame)
    return bad('output buffer', `${found}: one event of maxPayload (${megabytes(maxPayload)}) cuts off all who listen`, fix, docs.settings) // prettier-ignore
  if ((hard > 0 && hard < 4 * frame) || (soft > 0 && soft < frame))
    return warn('output buffer', `${found}: a few events of maxPayload (${megabytes(maxPayload)}) cut off who is slow to read`, fix, docs.settings) // prettier-ignore
  return ok('output buffer', found)
}

function idleTimeout({ timeout }: Settings): Finding | undefined {
  if (timeout === undefined) return undefined
  if (timeout === '0') return ok('timeout', '0: idle connections are left alone')
  return warn(
    'timeout',
    `${timeout} s: connections that publish are cut when they were idle for so long, each time an interruption; those that subscribe are exempt`,
    'CONFIG SET timeout 0: dead connections are found by tcp-keepalive and by the heartbeat',
    docs.settings,
  )
}

function keepalive({ 'tcp-keepalive': seconds }: Settings): Finding | undefined {
  if (seconds === undefined) return undefined
  if (seconds !== '0' && Number(seconds) <= 600) return ok('tcp-keepalive', `${seconds} s`)
  return warn(
    'tcp-keepalive',
    `${seconds === '0' ? 'off' : `${seconds} s`}: the server keeps buffers and a place in maxclients for processes whose machine is gone; our heartbeat finds dead connections on the other side only`,
    'CONFIG SET tcp-keepalive 300',
    docs.settings,
  )
}

function clients({ maxclients }: Settings, { connected_clients: connected }: Settings): Finding | undefined {
  if (maxclients === undefined || connected === undefined) return undefined
  const found = `${connected} of ${maxclients} connections`
  if (Number(connected) < 0.8 * Number(maxclients)) return ok('maxclients', found)
  return warn('maxclients', found, 'raise maxclients: a deployment needs both old and new processes, two connections each', docs.connections) // prettier-ignore
}

function megabytes(bytes: number): string {
  if (bytes < 1_024 * 1_024) return `${(bytes / 1_024).toFixed(bytes < 10_240 ? 1 : 0)} kB`
  return `${(bytes / 1_024 / 1_024).toFixed(bytes < 10 * 1_024 * 1_024 ? 1 : 0)} MB`
}
