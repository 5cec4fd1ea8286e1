import { growthOf, linear } from '@server-events/testing'
import { growing } from './support/growing'
import { settle } from './support/harness'
import { coreWith } from './support/planted'
import { eventOf, ScriptedTransport } from './support/scripted-transport'

test.each(growing)('twice the input costs about twice the CPU: $title', async ({ run, size }) => {
  const mended = coreWith()
  expect(await growthOf((times) => run(mended, times), size, 3)).toBeLessThan(linear)
})

test('200,000 kept waits on one id are asked for, and settle', async () => {
  const { ServerEvents } = coreWith()
  const transport = new ScriptedTransport({ keeper: true })
  const events = new ServerEvents(transport, { keep: 60_000, backstop: 3_600_000 })
  events.onerror(() => {})
  const waits = Array.from({ length: 200_000 }, () => events.on('report', 1, 3_600_000))
  await settle()
  expect(transport.recalls.count).toBe(1)
  transport.down('outputStore')
  transport.keep({ name: 'report', id: '1' }, eventOf(['kept']))
  transport.up('outputStore')
  expect(await Promise.all(waits)).toHaveLength(200_000)
  expect(events.stats().settled.restored).toBe(200_000)
  await events.close()
})
