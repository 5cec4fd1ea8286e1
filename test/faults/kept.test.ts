import { faults } from './support/faults'
import { playKept } from './support/play'

// An unhandled rejection fails the test in which it happens: jest sees to that.
describe('kept waits are pending and events go on: 0 lost, 0 twice, all in time, no secret told', () => {
  test.each(faults.map((fault) => [fault.name, fault] as const))('%s', async (_, fault) => {
    const { problems, stale } = await playKept(fault)
    expect(problems).toEqual([])
    // An emit that rejected never replaced the newer outcome.
    expect(stale).toBe(0)
  })
})
