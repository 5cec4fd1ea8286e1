import { fork, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { answer } from './answer'
import type { Round, RoundResult, Task } from './child'
import type { PeerSpec } from './peers/spec'

const ioredis6 = join(__dirname, '../../test/integration/support/ioredis-major.cjs')

/** Beyond what any waiter counts, so that no two of them wait for the same id. */
const idsOfAWaiter = 1_000_000_000

/** What one round of one peer took. CPU times are of both sides, in ms. */
export interface Measured {
  readonly waits: number
  readonly waitsPerSecond: number
  readonly cpuPerWait: number
  readonly waiterCpu: number
  readonly emitterCpu: number
  readonly p50: number
  readonly p99: number
}

/** An emitter and the servers that wait for its events, of one peer, alive over many rounds. */
export class Pair {
  readonly #directory: string
  readonly #waiters: readonly ChildProcess[]
  readonly #waiting: readonly ChildProcess[]
  readonly #emitter: ChildProcess

  static async start(spec: PeerSpec): Promise<Pair> {
    const pair = new Pair(spec)
    await pair.#ready(spec)
    return pair
  }

  private constructor(spec: PeerSpec) {
    this.#directory = mkdtempSync(join(tmpdir(), 'bench-'))
    const execArgv = spec.ioredis === 6 ? ['--require', ioredis6] : []
    const start = (): ChildProcess => fork(join(__dirname, 'child.js'), [], { execArgv })
    this.#waiters = Array.from({ length: spec.servers ?? 1 }, start)
    this.#waiting = this.#waiters.slice(0, spec.waiting)
    this.#emitter = start()
  }

  /** The waits, and how many of them are in flight, are shared by the servers that wait. */
  async round(round: Round): Promise<Measured> {
    const share = (whole: number): number => Math.ceil(whole / this.#waiting.length)
    const each = { ...round, waits: share(round.waits), inFlight: share(round.inFlight) }
    const waits = each.waits * this.#waiting.length
    const before = await this.#cpu()
    for (const waiter of this.#waiting) waiter.send(each)
    const results = await Promise.all(this.#waiting.map((waiter) => answer<RoundResult>(waiter)))
    const after = await this.#cpu()
    const waiterCpu = (after.waiters - before.waiters) / waits
    const emitterCpu = (after.emitter - before.emitter) / waits
    const latencies = results.flatMap((result) => result.latencies)
    if (results.length > 1) latencies.sort((a, b) => a - b)
    const at = (share: number): number => latencies[Math.floor(latencies.length * share)] ?? NaN
    return {
      waits,
      waitsPerSecond: (waits / Math.max(...results.map(({ ms }) => ms))) * 1000,
      cpuPerWait: waiterCpu + emitterCpu,
      waiterCpu,
      emitterCpu,
      p50: at(0.5),
      p99: at(0.99),
    }
  }

  async stop(): Promise<void> {
    const children = [...this.#waiters, this.#emitter].filter((child) => child.connected)
    const exits = children.map((child) => once(child, 'exit'))
    for (const child of children) child.send('stop')
    const kill = setTimeout(() => {
      for (const child of children) child.kill('SIGKILL')
    }, 5000)
    await Promise.all(exits)
    clearTimeout(kill)
    rmSync(this.#directory, { recursive: true, force: true })
  }

  async #ready(spec: PeerSpec): Promise<void> {
    const sockets = this.#waiters.map((_, index) => join(this.#directory, String(index)))
    await Promise.all(
      this.#waiters.map((waiter, index) => {
        const task: Task = { side: 'waiter', spec, socket: sockets[index] ?? '', firstId: index * idsOfAWaiter }
        waiter.send(task)
        return answer(waiter)
      }),
    )
    const task: Task = { side: 'emitter', spec, sockets }
    const connected = this.#waiters.map((waiter) => answer(waiter))
    this.#emitter.send(task)
    await Promise.all(connected)
  }

  /** User and system time so far, in ms. */
  async #cpu(): Promise<{ waiters: number; emitter: number }> {
    const [emitter = NaN, ...waiters] = await Promise.all(
      [this.#emitter, ...this.#waiters].map((child) => {
        child.send('cpu')
        return answer<number>(child)
      }),
    )
    return { emitter, waiters: waiters.reduce((sum, cpu) => sum + cpu, 0) }
  }
}
