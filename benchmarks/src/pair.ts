import { fork, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Round, RoundResult } from './child'
import type { PeerSpec } from './peers'

const ioredis6 = join(__dirname, '../../test/integration/support/ioredis-major.cjs')

/** The next message of a child, which may have died instead. */
function answer<T>(child: ChildProcess): Promise<T> {
  return new Promise((resolve, reject) => {
    const ended = (code: number | null): void => {
      reject(new Error(`a process of the measurement ended with ${String(code)}`))
    }
    child.once('exit', ended)
    child.once('message', (message) => {
      child.off('exit', ended)
      resolve(message as T)
    })
  })
}

/** What one round of one peer took. CPU times are of both processes, in ms. */
export interface Measured {
  readonly waitsPerSecond: number
  readonly cpuPerWait: number
  readonly waiterCpu: number
  readonly emitterCpu: number
  readonly p50: number
  readonly p99: number
}

/** A waiter and an emitter of one peer, alive over many rounds. */
export class Pair {
  readonly #directory: string
  readonly #waiter: ChildProcess
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
    this.#waiter = start()
    this.#emitter = start()
  }

  async round(round: Round): Promise<Measured> {
    const before = await this.#emitterCpu()
    this.#waiter.send(round)
    const result = await answer<RoundResult>(this.#waiter)
    const emitterCpu = ((await this.#emitterCpu()) - before) / round.waits
    const waiterCpu = result.cpu / round.waits
    const at = (share: number): number => result.latencies[Math.floor(result.latencies.length * share)] ?? NaN
    return {
      waitsPerSecond: (round.waits / result.ms) * 1000,
      cpuPerWait: waiterCpu + emitterCpu,
      waiterCpu,
      emitterCpu,
      p50: at(0.5),
      p99: at(0.99),
    }
  }

  async stop(): Promise<void> {
    const exits = [this.#waiter, this.#emitter].map((child) => once(child, 'exit'))
    this.#waiter.send('stop')
    this.#emitter.send('stop')
    const kill = setTimeout(() => {
      this.#waiter.kill('SIGKILL')
      this.#emitter.kill('SIGKILL')
    }, 5000)
    await Promise.all(exits)
    clearTimeout(kill)
    rmSync(this.#directory, { recursive: true, force: true })
  }

  async #ready(spec: PeerSpec): Promise<void> {
    const socket = join(this.#directory, 'ask')
    this.#waiter.send({ spec, side: 'waiter', socket })
    await answer(this.#waiter)
    this.#emitter.send({ spec, side: 'emitter', socket })
    await answer(this.#waiter)
  }

  async #emitterCpu(): Promise<number> {
    this.#emitter.send('cpu')
    return answer<number>(this.#emitter)
  }
}
