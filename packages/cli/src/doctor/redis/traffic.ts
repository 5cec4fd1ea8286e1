import { setTimeout as delay } from 'node:timers/promises'
import { docs, bad, ok, warn } from '../finding'
import type { Finding } from '../finding'
import type { Client } from '../../redis/client'

/** Of distinct patterns: from here on a PUBLISH costs several times, and tens of times as much. */
const MANY = 100
const TOO_MANY = 1_000

/** What every PUBLISH on the server pays, whosever it is. */
export async function checkPatterns(client: Client): Promise<Finding> {
  const { value, refused } = await client.ask('PUBSUB', 'NUMPAT')
  if (typeof value !== 'number')
    return warn('patterns', `PUBSUB NUMPAT is refused (${refused ?? 'no answer'}): how many patterns there are is not known`, 'ask again as a user with +pubsub|numpat', docs.connections) // prettier-ignore
  // As docs/operations.md has measured: 1.96 with ten, 8.65 with a hundred, 91 with a thousand.
  const cost = 1 + 0.085 * value
  if (value === 0) return ok('patterns', 'none: nobody waits by one, nobody else uses them')
  const found = `${value} distinct, of all applications: a PUBLISH costs the server about ${cost.toFixed(cost < 10 ? 1 : 0)} times what it costs without`
  const fix = "what varies belongs in the id, not in the name; or take channels: 'name'"
  if (value >= TOO_MANY) return bad('patterns', found, fix, docs.channels)
  if (value >= MANY) return warn('patterns', found, fix, docs.channels)
  return ok('patterns', found)
}

/** A busy server is not listened to for longer than it takes to know. */
const ENOUGH = 2_000

/**
 * Listens for a moment to whatever is published. 1.x has no prefix and no channel that could be asked for: its
 * events are known by what they look like, an array of name, id and args on the channel `<name>:<id>`.
 */
export async function checkFormerPeers(client: Client, listen: number): Promise<Finding> {
  const names = new Set<string>()
  let heard = 0
  let stop = (): void => {}
  const full = new Promise<void>((resolve) => {
    stop = resolve
  })
  client.onMessage((channel, payload) => {
    if (++heard >= ENOUGH) stop()
    const name = formerName(channel, payload)
    if (name !== undefined) names.add(name)
  })
  const { refused } = await client.ask('PSUBSCRIBE', '*')
  // Who may hear our channels only cannot find out; that is nothing to be mended.
  if (refused !== undefined) return ok('peers of 1.x', `not looked for: this user may not subscribe to all channels (${refused})`) // prettier-ignore
  const timer = new AbortController()
  await Promise.race([full, delay(listen, undefined, { signal: timer.signal }).catch(() => undefined)])
  timer.abort()
  await client.ask('PUNSUBSCRIBE', '*')
  if (names.size === 0) return ok('peers of 1.x', `none heard within ${listen} ms`)
  const [first = ''] = names
  return warn(
    'peers of 1.x',
    `events of server-events 1.x are on the wire: ${JSON.stringify(first)}${names.size > 1 ? ` and ${names.size - 1} other names` : ''}`,
    "processes with wire '2' do not hear them: go by wire '1.x' and 'both'",
    docs.migrating,
  )
}

function formerName(channel: string, payload: string): string | undefined {
  if (!payload.startsWith('["')) return undefined
  try {
    const [name, id] = JSON.parse(payload) as unknown[]
    return typeof name === 'string' && channel === `${name}:${String(id)}` ? name : undefined
  } catch {
    return undefined
  }
}
