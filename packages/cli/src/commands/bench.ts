import { performance } from 'node:perf_hooks'
import { setTimeout as delay } from 'node:timers/promises'
import type { ServerEvents } from 'server-events'
import { TimeoutError } from 'server-events'
import { withEvents } from '../connect'
import type { Target } from '../connect'
import { explain } from '../events'
import { Exit, exitCodes } from '../exit'
import { colours, json, line, printable, table } from '../output'
import { percentile } from '../percentile'

export interface BenchFlags extends Target {
  readonly name: string
  readonly rate: number
  readonly duration: number
  readonly timeout: number
  readonly size: number
  readonly keep?: number
}

/** What became of the events so far. */
interface Tally {
  sent: number
  /** In ms, of those that arrived, from when they should have left. */
  readonly taken: number[]
  lost: number
  refused: number
  /** Of the last that was refused. */
  why?: string
}

/**
 * An open loop: events leave at their times whether or not the ones before have arrived, and are measured from when
 * they should have left. A closed loop would wait for a slow server and then report how fast it was asked.
 */
export async function bench(flags: BenchFlags): Promise<void> {
  const tally: Tally = { sent: 0, taken: [], lost: 0, refused: 0 }
  const options = { ...(flags.keep !== undefined && { keep: flags.keep }) }
  const quiet = { ...flags, quiet: true }
  const seconds = await withEvents(quiet, { ...options, listen: [flags.name] }, (waiter) =>
    withEvents(quiet, options, (emitter) => load(waiter, emitter, flags, tally)),
  )
  report(tally, seconds, flags)
  if (tally.lost + tally.refused > 0) throw new Exit(exitCodes.bad, '')
}

/** Resolves, when each event has arrived or was given up, with how many seconds the sending took. */
async function load(waiter: ServerEvents, emitter: ServerEvents, flags: BenchFlags, tally: Tally): Promise<number> {
  const { name, rate, duration, timeout } = flags
  const body = 'x'.repeat(flags.size)
  const pending = new Set<Promise<void>>()
  const stop = new AbortController()
  const interrupt = (): void => stop.abort()
  process.once('SIGINT', interrupt)
  const progress = showProgress(tally, flags)
  const start = performance.now()

  const one = async (due: number): Promise<void> => {
    tally.sent++
    // Of the waiter: of ids that were made elsewhere, option listen does not cover all on each transport.
    const id = waiter.createId()
    const arrived = waiter.on(name, id, { timeout, recall: flags.keep !== undefined })
    const [wait, emit] = await Promise.allSettled([arrived.then(() => performance.now()), emitter.emit(name, id, body)])
    if (wait.status === 'fulfilled') tally.taken.push(wait.value - due)
    else if (emit.status === 'rejected' || !(wait.reason instanceof TimeoutError)) {
      tally.refused++
      tally.why = explain(emit.status === 'rejected' ? emit.reason : wait.reason)
    } else tally.lost++
  }

  const total = Math.ceil((rate * duration) / 1_000)
  while (tally.sent < total && !stop.signal.aborted) {
    const due = Math.min(total, Math.ceil(((performance.now() - start) * rate) / 1_000))
    while (tally.sent < due) {
      const task = one(start + (tally.sent * 1_000) / rate)
      pending.add(task)
      void task.finally(() => pending.delete(task))
    }
    await delay(1, undefined, { signal: stop.signal }).catch(() => undefined)
  }
  const seconds = (performance.now() - start) / 1_000
  await Promise.all(pending)
  process.off('SIGINT', interrupt)
  progress()
  return seconds
}

/** A line that is written over and over, for people only. Returns what ends it. */
function showProgress(tally: Tally, { rate, duration }: BenchFlags): () => void {
  if (!process.stderr.isTTY) return () => undefined
  const total = Math.ceil((rate * duration) / 1_000)
  const began = performance.now()
  const show = (): void => {
    const recent = tally.taken.slice(-1_000).sort((a, b) => a - b)
    const p99 = recent.length === 0 ? '' : `  p99 ${percentile(recent, 0.99).toFixed(2)} ms`
    const elapsed = ((performance.now() - began) / 1_000).toFixed(0)
    process.stderr.write(`\r${elapsed} s  ${tally.sent} of ${total} sent  ${tally.taken.length} arrived  ${tally.lost} lost${p99}\u001b[K`) // prettier-ignore
  }
  const timer = setInterval(show, 200)
  return () => {
    clearInterval(timer)
    process.stderr.write('\r\u001b[K')
  }
}

function report({ sent, taken, lost, refused, why }: Tally, seconds: number, flags: BenchFlags): void {
  taken.sort((a, b) => a - b)
  const at = (share: number): number | undefined => (taken.length === 0 ? undefined : percentile(taken, share))
  const latency = { p50: at(0.5), p99: at(0.99), p999: at(0.999), max: taken.at(-1) }
  const rate = sent / seconds
  if (flags.json) return json({ rate, wanted: flags.rate, sent, arrived: taken.length, lost, refused, why, latency })
  const ms = (value: number | undefined): string => (value === undefined ? '-' : `${value.toFixed(2)} ms`)
  const alarming = (count: number): string => (count === 0 ? '0' : colours.red(String(count)))
  // Two, for one of all would be wider than many terminals.
  table(['sent', 'per s', 'arrived', 'lost', 'refused'], [[String(sent), rate.toFixed(0), String(taken.length), alarming(lost), alarming(refused)]]) // prettier-ignore
  table(['p50', 'p99', 'p99.9', 'max'], [[ms(latency.p50), ms(latency.p99), ms(latency.p999), ms(latency.max)]])
  if (why !== undefined) line(printable(`refused, the last one: ${why}`))
}
