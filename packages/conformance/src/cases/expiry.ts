import { performance } from 'node:perf_hooks'
import type { Case } from '../case'
import { event } from '../stage'
import type { Stage } from '../stage'
import type { Peer } from '../peer'
import { keep, presuppose, recalled } from '../support/kept'
import { pause } from '../support/waiting'

const name = 'report'
const key = { name, id: '1' }
const needs = ['keeper'] as const

/** ms. */
const short = 100

async function gone(stage: Stage, peer: Peer, id: string, ms: number): Promise<void> {
  const isGone = async (): Promise<boolean> => (await recalled(stage, peer, { name, id }))[0] === 'nothing'
  await stage.eventually(isGone, { else: () => `kept for ${ms} ms, and still recalled ${stage.timeout} ms later` })
}

export const expiry: readonly Case[] = [
  {
    title: 'what is kept goes after its time, and no later one with it',
    contract: 'Keeper.publish',
    needs,
    run: async (stage) => {
      const publisher = await stage.publisher()
      const long = { name, id: 'long' }
      await keep(stage, publisher, long, event('short'), short)
      await keep(stage, publisher, long, event('long'))
      await keep(stage, publisher, key, event('short'), short)
      await presuppose(stage, publisher, long)
      await gone(stage, publisher, key.id, short)
      stage.equal(await recalled(stage, publisher, long), [event('long').body], 'kept for 60,000 ms, and recalled')
    },
  },
  {
    title: 'what is kept does not go before its time, be it short or long',
    contract: 'Keeper.publish',
    needs,
    run: async (stage) => {
      const publisher = await stage.publisher()
      const long = { name, id: 'long' }
      await keep(stage, publisher, long, event('kept'))
      await presuppose(stage, publisher, long)
      // Each under an id of its own: kept again is another matter. The second one is no whole number of seconds.
      for (const ms of [300, 1_400]) {
        const began = performance.now()
        await keep(stage, publisher, { name, id: String(ms) }, event('kept'), ms)
        for (;;) {
          const [answer] = await recalled(stage, publisher, { name, id: String(ms) })
          // An answer that came late says nothing, and clocks differ a little.
          const age = performance.now() - began
          if (age >= 0.8 * ms) break
          stage.equal(answer, event('kept').body, `kept for ${ms} ms, and after ${Math.round(age)} ms recalled`)
          await pause(10)
        }
      }
      // As long as an instance would let it be kept. A store may have a limit of its own, and say so.
      const longest = 2 ** 31 - 1
      const call = `keeper.publish() for ${longest} ms`
      const kept = stage.keeperOf(publisher).publish(long, event('long'), longest)
      const limits = ['ERR_NOT_KEPT', 'ERR_UNSUPPORTED', 'ERR_INVALID_ARGUMENT']
      if (!(await stage.resolvesOr(limits, call, kept))) return
      // What overflows somewhere is over at once, or nearly.
      await pause(20)
      stage.equal(await recalled(stage, publisher, long), [event('long').body], `kept for ${longest} ms, and recalled`)
    },
  },
  {
    title: 'kept again the time is the new one, also if it is shorter, or the old one has passed, or was forgotten',
    contract: 'Keeper.publish',
    needs,
    run: async (stage) => {
      const publisher = await stage.publisher()
      await keep(stage, publisher, { name, id: 'shorter' }, event('long'))
      await presuppose(stage, publisher, { name, id: 'shorter' })
      await keep(stage, publisher, { name, id: 'passed' }, event('old'), short)
      await keep(stage, publisher, { name, id: 'forgotten' }, event('old'), short)
      // In one tick: the old time must not have passed.
      await Promise.all([
        keep(stage, publisher, { name, id: 'longer' }, event('old'), short),
        keep(stage, publisher, { name, id: 'longer' }, event('new')),
      ])
      await stage.value('keeper.forget()', stage.keeperOf(publisher).forget({ name, id: 'forgotten' }))
      await keep(stage, publisher, { name, id: 'forgotten' }, event('new'))
      await keep(stage, publisher, { name, id: 'shorter' }, event('short'), short)
      await gone(stage, publisher, 'passed', short)
      await keep(stage, publisher, { name, id: 'passed' }, event('new'))
      await gone(stage, publisher, 'shorter', short)
      const ids = ['passed', 'forgotten', 'longer', 'shorter']
      stage.equal(
        await recalled(stage, publisher, ...ids.map((id) => ({ name, id }))),
        [event('new').body, event('new').body, event('new').body, 'nothing'],
        `kept again for 60,000 ms when its time had passed, when it was forgotten, before it had passed, and for ${short} ms: recalled`,
      )
    },
  },
]
