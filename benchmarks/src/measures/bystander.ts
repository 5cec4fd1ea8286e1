import type { ChildProcess } from 'node:child_process'
import { startRedis } from '@server-events/testing'
import { interleave, ratios, summarise, using } from '../contenders/compare'
import type { Spec } from '../contenders/contender'
import type { PeerSpec } from '../peers/spec'
import type { Burst } from '../roles/bursts'
import { answer, end, start } from '../roles/child-process'
import type { Row } from '../row'

/** A server that waits for nothing, and another one that emits. */
class Bystander {
  readonly #listener: ChildProcess
  readonly #emitter: ChildProcess
  readonly #stopRedis: () => Promise<void>
  #bursts = 0

  static async start(spec: Spec): Promise<Bystander> {
    const redis = await startRedis()
    const bystander = new Bystander({ ...spec, url: redis.url }, () => redis.stop())
    await Promise.all([bystander.#listener, bystander.#emitter].map((side) => answer(side)))
    return bystander
  }

  private constructor(spec: PeerSpec, stopRedis: () => Promise<void>) {
    this.#stopRedis = stopRedis
    this.#listener = start({ role: 'bystander', spec })
    this.#emitter = start({ role: 'bursts', spec })
  }

  /** Its CPU time for an event that it does not wait for, in µs. */
  async cpuOf(ticks: number, eventsATick: number): Promise<number> {
    const last = `last-${this.#bursts++}`
    this.#listener.send(last)
    await answer(this.#listener)
    const burst: Burst = { ticks, eventsATick, last }
    this.#emitter.send(burst)
    return ((await answer<number>(this.#listener)) * 1000) / (ticks * eventsATick)
  }

  async stop(): Promise<void> {
    await end([this.#listener, this.#emitter])
    await this.#stopRedis()
  }
}

/** What a server pays for the events of others, by how many of them are emitted in one tick. */
export function bystanders(share: number): Promise<Row[]> {
  const ticks = Math.max(2, Math.ceil(300 * share))
  const rounds = share < 1 ? 1 : 5
  return using(
    [() => Bystander.start({ kind: 'ours' }), () => Bystander.start({ kind: 'by-hand' })],
    async ([ours, byHand]) => {
      const rows: Row[] = []
      for (const eventsATick of [1, 50, 500]) {
        const both = [() => ours.cpuOf(ticks, eventsATick), () => byHand.cpuOf(ticks, eventsATick)] as const
        await interleave(both, 1)
        const [mine, theirs] = await interleave(both, rounds)
        rows.push({
          group: 'Unasked',
          title: `${eventsATick} emitted in a tick`,
          metric: 'CPU of a server',
          against: 'by hand',
          value: ratios(mine, theirs),
          unit: 'µs',
          ours: summarise(mine).median,
          theirs: summarise(theirs).median,
          ...(eventsATick === 500 && { target: { atMost: 0.5 } }),
        })
      }
      return rows
    },
  )
}
