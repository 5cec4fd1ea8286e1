import { setTimeout as delay } from 'node:timers/promises'
import { Batcher } from '../src/session/batcher'

test('a batch that rests is followed by nothing for several times what it took, however slow the machine is', async () => {
  const batches: { readonly items: readonly string[]; readonly begun: number; ended: number }[] = []
  const batcher = new Batcher<string>(
    { count: 2, size: Infinity, rests: true },
    () => 0,
    async (items) => {
      const batch = { items, begun: performance.now(), ended: 0 }
      batches.push(batch)
      if (batches.length === 1) for (const late of ['two', 'three', 'four']) batcher.add(late)
      await delay(4)
      batch.ended = performance.now()
    },
  )
  batcher.add('one')
  await batcher.idle()
  expect(batches.map(({ items }) => items)).toEqual([['one'], ['two', 'three'], ['four']])
  const pauses = batches.slice(1).map(({ begun }, index) => begun - (batches[index]?.ended ?? 0))
  expect(Math.min(...pauses)).toBeGreaterThan(8)
})
