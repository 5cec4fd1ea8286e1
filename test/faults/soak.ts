/*
 * npm run soak -- [--minutes N] [--seed S] [--pending N]
 *
 * Kept waits under random faults, one after the other. Exits with 1 if anything is lost or the heap grows.
 */
import './support/ioredis-major'
import { randomInt } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { crashed, faults, type Fault, type Scene } from './support/faults'
import { Flow } from './support/flow'
import { Heap } from './support/heap'
import { onStage, type Stage } from './support/stage'

const keep = 60_000
/** Shorter than by default, so that more happens in a minute; long enough for a machine that is busy. */
const transport = { heartbeat: 1_000, publishTimeout: 2_000, subscribeTimeout: 2_000, connectTimeout: 5_000 }
const backstop = 5_000
/** Waits last longer than any fault, so one that times out was lost, or its emit never went through. */
const patience = 50_000
const life = 10_000

const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '3' },
    seed: { type: 'string', default: String(randomInt(2 ** 31)) },
    pending: { type: 'string', default: '10000' },
  },
})
const minutes = Number(values.minutes)
const seed = Number(values.seed)
const pending = Number(values.pending)
if (![minutes, seed, pending].every(Number.isFinite)) throw new Error('--minutes, --seed and --pending are numbers')

function print(text: string): void {
  process.stdout.write(`${text}\n`)
}

/** mulberry32: the same faults and pauses for the same seed, as far as time allows. */
function random(): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

async function strikeAtRandom(scene: Scene, next: () => number, signal: AbortSignal, tell: (fault: string) => void) {
  while (!signal.aborted) {
    const fault = faults[Math.floor(next() * faults.length)] as Fault
    tell(fault.name)
    await fault.strike({ ...scene, silence: 2_000 + next() * 4_000 })
    const { stage } = scene
    stage.meddle = undefined
    stage.outlet.filter = undefined
    await delay(next() * 2_000)
  }
}

async function soak(stage: Stage): Promise<boolean> {
  const unhandled: unknown[] = []
  process.on('unhandledRejection', (reason) => unhandled.push(reason))
  const options = { keep, backstop }
  const waiting = stage.connect('inlet', { ...options, listen: ['job'] }, transport)
  const emitters = [stage.connect('outlet', options, transport), stage.connect('server', options, transport)] as const
  await Promise.all([waiting, ...emitters].map((events) => events.init()))
  const scene: Scene = { stage, waiting, emitters, silence: 0 }
  const next = random()
  const flow = new Flow(waiting, emitters, stage.complaints, random(), patience)
  const enough = AbortSignal.timeout(minutes * 60_000)
  const stop = new AbortController()
  const heap = new Heap(minutes * 60_000)
  let fault = ''
  const start = performance.now()
  const line = (): string => {
    const { settled, pending: now, outputStore } = waiting.stats()
    const ways = (['event', 'recall', 'restored', 'backstop', 'failure'] as const).map(
      (way) => `${way} ${settled[way]}`,
    )
    return (
      `${((performance.now() - start) / 1000).toFixed(0).padStart(4)} s  emitted ${flow.emitted}  ${ways.join(' ')}  ` +
      `lost ${flow.lost}  timed out ${flow.timedOut}  pending ${now}  interruptions ${outputStore.interruptions}  ` +
      `heap ${heap.now} MB  ${fault}`
    )
  }
  const live = setInterval(
    () => {
      heap.look()
      if (process.stdout.isTTY) process.stdout.write(`\r\x1b[2K${line().slice(0, process.stdout.columns - 1)}`)
      else print(line())
    },
    process.stdout.isTTY ? 1_000 : 5_000,
  )
  try {
    await Promise.all([
      flow.run(pending, life, enough, stop.signal),
      strikeAtRandom(scene, next, enough, (name) => {
        fault = name
      }),
    ])
  } catch (error) {
    print(`\n${line()}`)
    throw error
  } finally {
    clearInterval(live)
    stop.abort()
  }
  fault = 'done'
  print(`\n${line()}`)
  const { settled } = waiting.stats()
  const sum = Object.values(settled).reduce((total, count) => total + count, 0)
  const { leaks, strangers, counts } = stage.complaints
  print(`errors: ${[...counts].map(([code, count]) => `${code} ${count}`).join(', ') || 'none'}`)
  const problems = [
    ...(flow.lost > 0 ? [`${flow.lost} lost`] : []),
    ...(flow.wrong > 0 ? [`${flow.wrong} got something else`] : []),
    ...(sum !== flow.started ? [`${flow.started} waits, but ${sum} settled by the instance's own account`] : []),
    ...(unhandled.length > 0 ? [`${unhandled.length} unhandled rejections, the first: ${String(unhandled[0])}`] : []),
    ...leaks,
    ...strangers,
    ...heap.growth(),
  ]
  for (const problem of problems) print(`FAILED: ${problem}`)
  return problems.length === 0
}

print(`seed ${seed}, ${minutes} minutes, ${pending} kept waits pending`)
void onStage(crashed.server, soak).then(
  (ok) => {
    print(ok ? `nothing was lost, and the heap did not grow (seed ${seed})` : `seed ${seed}`)
    process.exitCode = ok ? 0 : 1
  },
  (error: unknown) => {
    print(`FAILED: ${String(error)} (seed ${seed})`)
    process.exitCode = 1
  },
)
