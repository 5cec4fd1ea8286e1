import { performance } from 'node:perf_hooks'
import { randomUUID } from 'node:crypto'
import { NotKeptError, ServerEventsError } from 'server-events'
import type { ServerEvents } from 'server-events'
import { withEvents } from '../connect'
import type { ServerUrl } from '../server-url'
import { bad, docs, ok, warn } from './finding'
import type { Finding } from './finding'
import type { DoctorFlags } from './flags'
import { judgeLatency } from './latency'
import { withoutTls } from './network'

/** A name that nobody has. */
const NOBODYS = 'server-events-doctor'

/** How many events are sent, for no longer than this in ms: whoever waits for the answer of a slow server sees nothing. */
const SAMPLES = 100
const BOUND = 2_000

type Kind = 'nats' | 'postgres'

/** What to do where outcomes cannot be kept at all. */
const keeping: Readonly<Record<Kind, readonly [fix: string, page: string]>> = {
  nats: ['enable JetStream, or give bucket: false and no option keep', docs.jetStream],
  postgres: ['run the SQL that postgresMigration() gives, or give table: false and no option keep', docs.postgresTable],
}

/** By the library alone: what it can do there, and how long it takes. */
export async function diagnoseByLibrary(server: ServerUrl, kind: Kind, flags: DoctorFlags): Promise<Finding[]> {
  const probe = { name: flags.name?.[0] ?? NOBODYS, id: `doctor-${randomUUID()}` }
  const quiet = { ...flags, quiet: true }
  return [
    server.tls ? ok('tls', 'yes') : withoutTls(server),
    await withEvents(quiet, {}, (events) => checkEvents(events, probe, kind, flags)),
    ...(flags.keep
      ? await withEvents(quiet, { keep: 10_000 }, (events) => checkKeeping(events, probe, kind, flags)).catch(
          // There is no place to keep anything.
          (error: unknown) => [refusal('keeping', error, kind)],
        )
      : []),
  ]
}

interface Probe {
  readonly name: string
  readonly id: string
}

/** Of who only emits, how long that takes; of who only waits, whether that may be asked for. */
async function checkEvents(
  events: ServerEvents,
  { name, id }: Probe,
  kind: Kind,
  { side }: DoctorFlags,
): Promise<Finding> {
  const taken: number[] = []
  try {
    if (side === 'wait') {
      const listening = await events.listen(name)
      await listening.close()
      return ok('permissions', 'events can be waited for')
    }
    const end = performance.now() + BOUND
    for (let n = 0; n < SAMPLES && performance.now() < end; n++) {
      const began = performance.now()
      const wait = side === 'emit' ? undefined : events.on(name, `${id}-${n}`, { timeout: 2_000, recall: false })
      // When the emit is refused that is told; nobody asks for the wait then.
      wait?.catch(() => undefined)
      await events.emit(name, `${id}-${n}`)
      await wait
      taken.push(performance.now() - began)
    }
  } catch (error) {
    return refusal('permissions', error, kind)
  }
  taken.sort((a, b) => a - b)
  const check = side === 'emit' ? 'latency of publishing' : 'latency of an event'
  return judgeLatency(check, taken, 'look at the way there, and at what keeps the server busy: each wait pays this')
}

/** Each of what is needed; what is kept expires soon by itself. */
async function checkKeeping(
  events: ServerEvents,
  { name, id }: Probe,
  kind: Kind,
  { side }: DoctorFlags,
): Promise<Finding[]> {
  const findings: Finding[] = []
  const attempt = async (run: () => Promise<unknown>, without?: string): Promise<void> => {
    // What cannot be kept is told once.
    if (findings.length > 0) return
    try {
      await run()
    } catch (error) {
      findings.push(refusal('keeping', error, kind, without))
    }
  }
  if (side !== 'wait') await attempt(() => events.emit(name, id))
  if (side !== 'emit') await attempt(() => events.peek(name, id))
  if (side !== 'wait') await attempt(() => events.forget(name, id), 'forget() and the sweep do not work')
  const done = side === 'wait' ? 'outcomes can be looked for' : 'an outcome was kept, found and forgotten'
  return findings.length > 0 ? findings : [ok('keeping', done)]
}

/** `without`: what most processes can do without, and this one has to. */
function refusal(check: string, error: unknown, kind: Kind, without?: string): Finding {
  if (!(error instanceof ServerEventsError)) throw error
  const { code, message } =
    error instanceof NotKeptError && error.cause instanceof ServerEventsError ? error.cause : error
  // Meant so, perhaps: there is no place to keep anything.
  if (check === 'keeping' && code === 'ERR_UNSUPPORTED') return warn(check, message, ...keeping[kind])
  const cure = cureOf(code, message, kind)
  return without === undefined ? bad(check, message, ...cure) : warn(check, `${message}: ${without}`, ...cure)
}

function cureOf(code: string, message: string, kind: Kind): [fix: string, page: string] {
  if (kind === 'nats')
    return code === 'ERR_FORBIDDEN'
      ? ['grant it to this user: the page lists what each process needs', docs.natsUsers]
      : ['see to what the message names', docs.jetStream]
  if (code === 'ERR_FORBIDDEN')
    return [
      'GRANT SELECT, INSERT, UPDATE, DELETE ON the table to this role; who only waits needs SELECT, who never forgets or sweeps no DELETE',
      docs.postgresTable,
    ]
  if (message.includes('pooler'))
    return ['give option listen an address that goes past the pooler; who only emits needs none (--side emit)', docs.poolers] // prettier-ignore
  if (message.includes('55P03'))
    return ['end the transaction that holds it: pg_stat_activity and pg_blocking_pids() tell which; it is tried again for two seconds', docs.postgresTable] // prettier-ignore
  return ['see to what the message names', docs.postgres]
}
