// A thousand workers that ask whether anybody waits, while a fault hits who waits and who asks. None may stop.
import { setTimeout as delay } from 'node:timers/promises'
import { eventually } from '@server-events/testing'
import { cut, faults, frozen, type Fault } from './support/faults'
import { brisk, everything, pending, slack } from './support/options'
import { onStage } from './support/stage'

/** Longer than any fault here keeps who waits away, in ms, on a machine that is busy too: one of two questions is answered. */
const every = 12_000
const within = 4_000
const silence = 2_000

test.each(everything ? faults : [cut, frozen])(
  `${pending} workers ask, and a fault is shorter than two questions: 0 stop ($name)`,
  async ({ server, strike }: Fault) => {
    await onStage(server, async (stage) => {
      const waiting = stage.connect('inlet', { listen: ['job'] }, brisk)
      const worker = stage.connect('outlet', {}, brisk)
      const beside = stage.connect('server', {}, brisk)
      await Promise.all([waiting.init(), worker.init(), beside.init()])
      const ids = Array.from({ length: pending }, (_, id) => id)
      for (const id of ids) void waiting.on('job', id, 600_000)
      const asked: ReturnType<typeof worker.wanted>[] = []
      // Spread over all of a period, so that the fault hits some at each of its moments.
      for (let part = 0; part < 20; part++) {
        for (const id of ids.slice((part * pending) / 20, ((part + 1) * pending) / 20))
          asked.push(worker.wanted('job', id, { every, within }))
        await delay(every / 40)
      }
      await eventually(() => asked.every(({ now }) => now === true))
      const emitting = async (): Promise<void> => {
        for (let sent = 0; sent < 20; sent++) await worker.emit('other', sent).catch(() => undefined)
      }
      const [,] = await Promise.all([strike({ stage, waiting, emitters: [worker, beside], silence }), emitting()])
      stage.meddle = undefined
      stage.outlet.filter = undefined
      await delay(every + within)
      await eventually(() => asked.every(({ now, signal }) => now === true || signal.aborted))
      expect(asked.filter(({ signal }) => signal.aborted)).toHaveLength(0)
      // The control: when it is gone for good, all of them do.
      await waiting.close()
      await eventually(() => asked.every(({ signal }) => signal.aborted), { timeout: 2 * (every + within) + slack })
    })
  },
  240_000,
)
