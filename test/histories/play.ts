import { setTimeout as delay } from 'node:timers/promises'
import { ServerEvents } from 'server-events'
import type { Transport } from 'server-events'
import type { Operation } from './checker'

export interface Part {
  /** Which process, from 0. */
  readonly process: number
  readonly seed: number
  readonly ids: readonly string[]
  readonly once: boolean
  /** Over how many ms they are spread. */
  readonly span: number
}

/** What one process does: told once when it begins, in doubt, and once more when it has ended. */
export interface Told {
  readonly id: string
  /** Of this process and id. */
  readonly step: number
  /** Absent of one that never took effect, or that says nothing. */
  readonly operation?: Operation
}

type Kind = Operation['kind']
type Ended = Pick<Operation, 'value' | 'result'>

const keepMs = 600_000
/** What an operation ends in that never took effect, or that says nothing. */
const nothing = ['ERR_CONNECTION', 'ERR_TIMEOUT', 'ERR_CLOSED']

/** One clock for all processes of a machine. */
const now = (): number => Number(process.hrtime.bigint()) / 1e6

/** What one process does to the ids, some ids at a time. */
export async function play(transport: Transport, part: Part, tell: (told: Told) => void): Promise<void> {
  const keep = { report: part.once ? ({ ms: keepMs, once: true } as const) : keepMs }
  const events = new ServerEvents(transport, { keep, timeout: 400 })
  events.onerror(() => {})
  const random = mulberry(part.seed * 31 + part.process)
  await Promise.all(part.ids.map((id) => playId(id)))
  await events.close()

  async function playId(id: string): Promise<void> {
    await delay(random() * part.span)
    for (let step = 0; step < 4; step++) {
      const { kind, value, call } = choose(id)
      const start = now()
      tell({ id, step, operation: { kind, value, result: 'uncertain', start, end: start } })
      const ended = await endOf(kind, value, call, part.once)
      tell({ id, step, ...(ended && { operation: { kind, ...ended, start, end: now() } }) })
      await delay(random() * 20)
    }
  }

  /** The same outcomes again and again: a retry is one, too. */
  function choose(id: string): { kind: Kind; value?: string; call: () => Promise<unknown> } {
    const dice = random()
    const [event, failure] = [`event of ${part.process}`, `failure of ${part.process}`]
    if (dice < 0.4) return { kind: 'emit', value: event, call: () => events.emit('report', id, event) }
    if (dice < 0.5) return { kind: 'emit', value: failure, call: () => events.fail('report', id, new Error(failure)) }
    if (dice < 0.75) return { kind: 'read', call: () => events.peek('report', id) }
    if (dice < 0.9) return { kind: 'see', call: () => events.on('report', id) }
    return { kind: 'forget', call: () => events.forget('report', id) }
  }
}

/** How it ended, if that says anything. */
async function endOf(
  kind: Kind,
  value: string | undefined,
  call: () => Promise<unknown>,
  once: boolean,
): Promise<Ended | undefined> {
  try {
    const answer = (await call()) as readonly string[] | undefined
    return { value: kind === 'read' || kind === 'see' ? answer?.[0] : value, result: 'ok' }
  } catch (error) {
    const { code, message } = error as { code?: string; message: string }
    if (code === 'ERR_REMOTE') return { value: message, result: 'ok' }
    if (code === 'ERR_ALREADY_SETTLED') return { value, result: 'settled' }
    if (code === 'ERR_NOT_KEPT' && !once) return { value, result: 'unkept' }
    if (code === 'ERR_UNCERTAIN') return { value, result: 'uncertain' }
    if (code !== undefined && nothing.includes(code)) return undefined
    throw error
  }
}

/** Numbers from 0 to 1 that a seed repeats. */
export function mulberry(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}
