import { faults } from './support/faults'
import { playPlain } from './support/play'

describe('plain waits: what comes before a fault and after its end arrives, and nothing hangs', () => {
  test.each(faults.map((fault) => [fault.name, fault] as const))('%s', async (_, fault) => {
    const { problems } = await playPlain(fault)
    expect(problems).toEqual([])
  })
})
