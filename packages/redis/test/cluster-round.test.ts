import { Round } from '../src/cluster/round'
import { Topology } from '../src/cluster/topology'

const SEEDS = ['seed-1:1', 'seed-2:1']
const PORTS = [1, 2, 3, 4, 5, 6]
const members = PORTS.map((port) => `member:${port}`)

function roundOf(ports: readonly number[] = PORTS, seeds: readonly string[] = SEEDS): Round {
  const map = new Topology()
  map.plant(seeds, undefined)
  const nodes = ports.map((port) => ({ host: 'member', port, id: `id-${port}`, ip: undefined }))
  if (nodes.length > 0) map.learn([{ first: 0, last: 16_383, nodes }], 'seed-1:1')
  return new Round(map)
}
const take = (round: Round, count: number): string[] => Array.from({ length: count }, () => round.next())

test('before anything is known, the seeds, each once', () => {
  expect(take(roundOf([]), 2).sort()).toEqual(SEEDS)
  expect(new Set(take(roundOf([]), 100))).toEqual(new Set(SEEDS))
})

test('members and seeds take turns, and no member comes twice before all came', () => {
  const taken = take(roundOf(), 12)
  expect(taken.filter((_, i) => i % 2 === 0).sort()).toEqual(members)
  const seeds = taken.filter((_, i) => i % 2 === 1)
  for (let i = 0; i < 6; i += 2) expect(seeds.slice(i, i + 2).sort()).toEqual(SEEDS)
})

test('seeds that are members come as such', () => {
  expect(take(roundOf(PORTS, ['member:1', 'member:2']), 6).sort()).toEqual(members)
})

test('the one that was lost comes after all others, under whatever name', () => {
  for (let times = 0; times < 50; times++) {
    const round = roundOf()
    round.stood('seed-1:1', 'member:3')
    const taken = take(round, 11)
    expect(taken).not.toContain('seed-1:1')
    expect(taken.slice(0, 10)).not.toContain('member:3')
  }
  const alone = roundOf([3], ['seed-1:1'])
  alone.stood('seed-1:1', 'member:3')
  expect(take(alone, 2).sort()).toEqual(['member:3', 'seed-1:1'])
})

test('it is over when each may have had its chance, and begins anew when one stood', () => {
  const round = roundOf()
  take(round, 8)
  expect(round.isOver).toBe(false)
  take(round, 1)
  expect(round.isOver).toBe(true)
  round.stood('member:1')
  expect(round.isOver).toBe(false)
})
