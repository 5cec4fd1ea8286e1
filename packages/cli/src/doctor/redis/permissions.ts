import { docs, bad, ok, warn } from '../finding'
import type { Finding } from '../finding'
import type { Client, Reply } from '../../redis/client'
import { EMPTY_FRAME } from '../../redis/probe'
import type { Probe } from '../../redis/probe'

/** What a process has to be allowed to do. */
export interface Wanted {
  /** Whether it only emits or only waits; both by default. */
  readonly side?: 'emit' | 'wait'
  /** Whether it keeps outcomes, or looks for them. */
  readonly keep: boolean
  readonly cluster: boolean
  readonly db: number
}

/** One command that was tried. */
interface Try {
  readonly command: string
  /** What an access rule calls it, if not by its name alone. */
  readonly called?: string
  /** The access rule of its channel or key. */
  readonly rule?: string
  readonly reply: Reply
  /** What cannot be done without it. */
  readonly without: string
  /** Most processes can do without it. */
  readonly minor?: boolean
}

/**
 * Tries each command that the library writes, on a channel and a key that nobody uses: a finding for each that is
 * refused, or one that all were allowed.
 */
export async function checkPermissions(
  publisher: Client,
  subscriber: Client,
  probe: Probe,
  wanted: Wanted,
): Promise<Finding[]> {
  const tries = [
    ...(wanted.side === 'wait' ? [] : [await emitting(publisher, probe)]),
    ...(wanted.side === 'emit' ? [] : await waiting(subscriber, probe)),
    ...(wanted.keep ? await keeping(publisher, probe, wanted) : []),
    ...(await besides(publisher, wanted)),
  ]
  const refused = tries.filter(({ reply }) => reply.refused !== undefined && !elsewhere.includes(reply.refused))
  if (refused.length === 0) return [ok(`permissions of ${probe.name}`, `all ${tries.length} that are needed`)]
  return refused.map((one) => judge(probe.name, one))
}

/** Not a question of permissions: the key is another node's, or the server a replica. Others tell of that. */
const elsewhere = ['MOVED', 'READONLY']

function judge(name: string, { command, called, rule, reply, without, minor }: Try): Finding {
  const { refused = '', because } = reply
  const missing = rule !== undefined && (because === 'channel' || because === 'key') ? rule : `+${called ?? command.toLowerCase()}` // prettier-ignore
  const [fix, page] = refused === 'NOPERM' ? [`ACL SETUSER <user> ${missing}`, docs.users] : ['see what else is wrong here, and the log of the server', docs.settings] // prettier-ignore
  const found = `${command} is refused (${refused}): ${without}`
  return (minor ? warn : bad)(`permission ${command.toLowerCase()} of ${name}`, found, fix, page)
}

async function emitting(client: Client, { emitted }: Probe): Promise<Try> {
  const reply = await client.ask('PUBLISH', emitted, EMPTY_FRAME)
  return { command: 'PUBLISH', rule: `&${emitted}`, reply, without: 'nothing can be emitted' }
}

async function waiting(client: Client, { subscribe, unsubscribe, topic, rule }: Probe): Promise<Try[]> {
  const to = await client.ask(subscribe, topic)
  const from = await client.ask(unsubscribe, topic)
  const ping = await client.ask('PING')
  // Anything else than a missing right it is told of by what else is refused: a server whose disk is full refuses it too.
  const forbidden = ping.refused === 'NOPERM' ? ping : {}
  return [
    { command: subscribe, rule, reply: to, without: 'nothing can be waited for' },
    { command: unsubscribe, reply: from, without: 'a name that nobody waits for any more is heard for ever' },
    { command: 'PING', reply: forbidden, without: 'the heartbeat takes that for an answer, but each is an entry in the ACL log', minor: true }, // prettier-ignore
  ]
}

async function keeping(client: Client, { key }: Probe, { side }: Wanted): Promise<Try[]> {
  const rule = `~${key.replace(/[^:]*$/, '*')}`
  const tries: Try[] = []
  if (side !== 'wait') {
    const reply = await client.ask('SET', key, EMPTY_FRAME, 'PX', 10_000)
    tries.push({ command: 'SET', rule, reply, without: 'emits with keep reject with NotKeptError' })
  }
  if (side !== 'emit') {
    const reply = await client.ask('GET', key)
    tries.push({ command: 'GET', rule, reply, without: 'no wait can look for a kept outcome' })
  }
  const reply = await client.ask('DEL', key)
  return [...tries, { command: 'DEL', rule, reply, without: 'forget() rejects', minor: true }]
}

async function besides(client: Client, { db, cluster }: Wanted): Promise<Try[]> {
  const role = await client.ask('ROLE')
  const tries: Try[] = [{ command: 'ROLE', reply: role, without: 'a replica is not told from a master', minor: true }]
  if (cluster) {
    const slots = await client.ask('CLUSTER', 'SLOTS')
    const asking = await client.ask('ASKING')
    return [
      ...tries,
      {
        command: 'CLUSTER SLOTS',
        called: 'cluster|slots',
        reply: slots,
        without: 'events go through, nothing is kept',
      },
      { command: 'ASKING', reply: asking, without: 'outcomes are not found while slots move', minor: true },
    ]
  }
  const reply = await client.ask('SELECT', db)
  // Of another database than 0 the library has connected to just now.
  return [...tries, { command: 'SELECT', reply, without: 'no database but 0 can be used', minor: true }]
}
