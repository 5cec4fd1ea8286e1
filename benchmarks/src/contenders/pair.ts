import type { ChildProcess } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { PeerSpec } from '../peers/spec'
import { answer, end, start } from '../roles/child-process'
import type { Round, RoundResult } from '../roles/waiter'
import { loader } from './builds'

const ioredis6 = join(__dirname, '../../../test/integration/support/ioredis-major.cjs')

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
  readonly p999: number
}

/** A producer and the servers that wait for its events, of one peer, alive over many rounds. */
export class Pair {
  readonly #directory = mkdtempSync(join(tmpdir(), 'bench-'))
  readonly #waiters: readonly ChildProcess[]
  readonly #waiting: readonly ChildProcess[]
  readonly #sockets: readonly string[]
  #emitter!: ChildProcess

  static async start(spec: PeerSpec): Promise<Pair> {
    const pair = new Pair(spec)
    await pair.#ready(spec)
    return pair
  }

  private constructor(spec: PeerSpec) {
    this.#sockets = Array.from({ length: spec.servers ?? 1 }, (_, index) => join(this.#directory, String(index)))
    this.#waiters = this.#sockets.map((socket, index) =>
      start({ role: 'waiter', spec, socket, firstId: index * idsOfAWaiter }, ...processOf(spec)),
    )
    this.#waiting = this.#waiters.slice(0, spec.waiting)
  }

  /** The waits, and how many of them are in flight, are shared by the servers that wait. */
  async round(round: Round): Promise<Measured> {
    const share = (whole: number): number => Math.ceil(whole / this.#waiting.length)
    const each = {
      ...{ ...round, waits: share(round.waits), inFlight: share(round.inFlight) },
      ...(round.rate !== undefined && { rate: round.rate / this.#waiting.length }),
    }
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
      p999: at(0.999),
    }
  }

  async stop(): Promise<void> {
    await end([...this.#waiters, this.#emitter], (child) => child.send('stop'))
    rmSync(this.#directory, { recursive: true, force: true })
  }

  async #ready(spec: PeerSpec): Promise<void> {
    await Promise.all(this.#waiters.map((waiter) => answer(waiter)))
    const connected = this.#waiters.map((waiter) => answer(waiter))
    this.#emitter = start({ role: 'emitter', spec, sockets: this.#sockets }, ...processOf(spec))
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

function processOf({ ioredis, build }: PeerSpec): [string[], NodeJS.ProcessEnv] {
  const major = ioredis === 6 ? ['--require', ioredis6] : []
  return build === undefined ? [major, {}] : [[...major, '--require', loader], { BENCH_BUILD: build }]
}
