import { performance } from 'node:perf_hooks'
import { randomUUID } from 'node:crypto'
import { ServerEventsError } from 'server-events'
import { withEvents } from '../connect'
import type { ServerUrl } from '../server-url'
import { bad, docs, ok, warn } from './finding'
import type { Finding } from './finding'
import type { DoctorFlags } from './flags'
import { percentile } from '../percentile'

/** A name that nobody has. */
const NOBODYS = 'server-events-doctor'

/** What to do where outcomes cannot be kept, and where that is described. */
const keeping = {
  nats: ['enable JetStream, or give bucket: false and no option keep', docs.nats],
  postgres: ['run the SQL that postgresMigration() gives, or give table: false and no option keep', docs.postgres],
} as const

type Kind = keyof typeof keeping

/** By the library alone: what it can do there, and how long it takes. */
export async function diagnoseByLibrary({ tls }: ServerUrl, kind: Kind, flags: DoctorFlags): Promise<Finding[]> {
  const findings = [tls ? ok('tls', 'yes') : ok('tls', 'none')]
  const [name = NOBODYS] = flags.name ?? []
  const id = `doctor-${randomUUID()}`
  await withEvents({ ...flags, quiet: true }, {}, async (events) => {
    const taken: number[] = []
    for (let n = 0; n < 100; n++) {
      const began = performance.now()
      const wait = events.on(name, `${id}-${n}`, { timeout: 2_000, recall: false })
      try {
        await events.emit(name, `${id}-${n}`)
        await wait
      } catch (error) {
        findings.push(refusal('permissions', kind, error))
        return
      }
      taken.push(performance.now() - began)
    }
    taken.sort((a, b) => a - b)
    const found = `p50 ${percentile(taken, 0.5).toFixed(2)} ms, p99 ${percentile(taken, 0.99).toFixed(2)} ms, of ${taken.length}`
    findings.push(ok('latency of an event', found))
  })
  if (flags.keep) findings.push(await checkKeeping(name, id, kind, flags))
  return findings
}

async function checkKeeping(name: string, id: string, kind: Kind, flags: DoctorFlags): Promise<Finding> {
  try {
    await withEvents({ ...flags, quiet: true }, { keep: 10_000 }, async (events) => {
      await events.emit(name, id)
      await events.peek(name, id)
      await events.forget(name, id)
    })
    return ok('keeping', 'an outcome was kept, found and forgotten')
  } catch (error) {
    return refusal('keeping', kind, error)
  }
}

function refusal(check: string, kind: Kind, error: unknown): Finding {
  const [cure, page] = keeping[kind]
  if (!(error instanceof ServerEventsError)) throw error
  const isUnkept = error.code === 'ERR_UNSUPPORTED' || error.code === 'ERR_NOT_KEPT'
  if (isUnkept && check === 'keeping') return warn(check, error.message, cure, page)
  return bad(check, error.message, 'see to what the message names', page)
}
