import { interleave, ratios, summarise, using } from '../../benchmarks/src/contenders/compare'
import { figure, markdownTable, sides, valueOf, wanted } from '../../benchmarks/src/format'
import { documented } from '../../benchmarks/src/pages/docs'
import { sizeOf, unitCostsOf } from '../../benchmarks/src/pages/sizing'
import { isMet, tally, type Row } from '../../benchmarks/src/row'
import { line, summary } from '../../benchmarks/src/terminal'

const always = (median: number): Row['value'] => ({ median, lowest: median, highest: median })

const ratio: Row = {
  group: 'Waits',
  title: 'ours',
  against: 'by hand',
  metric: 'waits/s',
  value: { median: 2.7, lowest: 2.5, highest: 2.9 },
  unit: '/s',
  ours: 150_000,
  theirs: 56_000,
  target: { atLeast: 2.7 },
}
const bytes: Row = {
  ...{ group: 'Memory', title: 'ours', metric: 'heap', unit: 'bytes' },
  value: always(301.4),
  target: { atMost: 300 },
}

describe('comparisons', () => {
  test('have a median and a spread', () => {
    expect(summarise([3, 1, 2])).toEqual({ median: 2, lowest: 1, highest: 3 })
    expect(summarise([4, 1, 2, 3])).toEqual({ median: 2.5, lowest: 1, highest: 4 })
    expect(summarise([]).median).toBeNaN()
  })

  test('are of neighbours, not of medians', () => {
    expect(ratios([10, 40, 30], [10, 20, 60])).toEqual({ median: 1, lowest: 0.5, highest: 2 })
  })

  test('alternate the order', async () => {
    const order: string[] = []
    const call = (name: string) => () => Promise.resolve(order.push(name))
    expect(await interleave([call('a'), call('b')], 3)).toEqual([
      [1, 4, 5],
      [2, 3, 6],
    ])
    expect(order).toEqual(['a', 'b', 'b', 'a', 'a', 'b'])
  })

  test('stop what has started when the other one did not', async () => {
    const stop = jest.fn(() => Promise.resolve())
    const started = using([() => Promise.resolve({ stop }), () => Promise.reject(new Error('no'))], () =>
      Promise.resolve(),
    )
    await expect(started).rejects.toThrow('no')
    expect(stop).toHaveBeenCalledTimes(1)
  })
})

describe('targets', () => {
  test('are met by the median itself', () => {
    expect([isMet(always(2.7), { atLeast: 2.7 }), isMet(always(2.69), { atLeast: 2.7 })]).toEqual([true, false])
    expect([isMet(always(300), { atMost: 300 }), isMet(always(300.1), { atMost: 300 })]).toEqual([true, false])
    expect(isMet(always(NaN), { atMost: 300 })).toBe(false)
  })

  test('are counted', () => {
    const { target, ...without } = bytes
    expect(target).toBeDefined()
    expect(tally([ratio, bytes, without])).toEqual({ met: 1, targets: 2 })
    expect(summary([ratio, bytes])).toBe('1 of 2 targets met')
  })
})

describe('tables', () => {
  test('show three digits', () => {
    const shown = [0.004, 0.0451, 2.697, 12.34, 99.96, 1234.5].map(figure)
    expect(shown).toEqual(['0.00', '0.05', '2.70', '12.3', '100.0', '1,235'])
  })

  test('show ratios bare, figures with their unit', () => {
    expect([valueOf(ratio), sides(ratio), wanted({ atMost: 0.5 })]).toEqual([
      '2.70',
      '150,000 : 56,000 /s',
      'at most 0.5',
    ])
    expect([valueOf(bytes), sides(bytes)]).toEqual(['301 bytes', ''])
  })

  test('are as wide as their widest cell', () => {
    const rows = [
      ['b', '1'],
      ['longer', ''],
    ]
    expect(markdownTable(['', 'one'], rows)).toBe(
      ['|        | one |', '| ------ | --- |', '| b      | 1   |', '| longer |     |'].join('\n'),
    )
  })

  test('say on the terminal what was promised, and what was not measured', () => {
    expect(line(ratio)).toMatch(
      /^Waits: ours, against by hand +waits\/s +2\.70 \(2\.50 to 2\.90\) .* at least 2\.7: met$/,
    )
    expect(line(bytes)).toMatch(/301 bytes \(301 to 301\) +at most 300: missed$/)
    expect(line({ group: 'Waits', title: 'ours', skipped: 'no server' })).toMatch(
      /^Waits: ours +not measured: no server$/,
    )
  })

  test('replace what stands between their marks, and nothing else', () => {
    const page = 'before\n\n<!-- from results.json: Waits -->\n\nold\n\n<!-- end -->\n\nafter\n'
    const skipped = { group: 'Waits', title: 'NATS', skipped: 'no server' }
    const run = { recorded: '2026-01-02', quick: false, node: 'v20.0.0', cores: 2, results: [ratio, skipped] }
    expect(documented(page, run).split('\n')).toEqual([
      ...['before', '', '<!-- from results.json: Waits -->', ''],
      '|                       | waits/s                    |',
      '| --------------------- | -------------------------- |',
      '| ours, against by hand | 2.70 (150,000 : 56,000 /s) |',
      '| NATS                  | not measured: no server    |',
      ...['', '<!-- end -->', '', 'after', ''],
    ])
    const about = '<!-- from results.json: run -->\nold\n<!-- end -->'
    expect(documented(about, run)).toContain('Measured with Node 20.0.0 on 2 cores, 2026-01-02: 1 of 1 targets met.')
    expect(documented(about, { ...run, quick: true })).toContain('are no measurements')
  })
})

describe('sizing', () => {
  const costsOf = (mode: string, servers: string, redis: number, server: number): Row[] => {
    const row = { group: 'Fleet', title: `${mode}, ${servers}`, unit: 'µs' }
    return [
      { ...row, metric: 'CPU of Redis an event', value: always(redis) },
      { ...row, metric: 'CPU of a server an event', value: always(server) },
    ]
  }
  const measured: Row[] = [
    ...costsOf('pattern', '1 server', 1, 10),
    ...costsOf('pattern', '5 servers', 3, 6),
    ...costsOf('pattern', '20 servers', 10.5, 105 / 20),
    ...costsOf('id', '20 servers', 4, 30 / 20),
    ...costsOf('homes', '20 servers', 2, 20 / 20),
    { ...bytes, title: 'ours, ids of 36 characters', metric: 'heap a pending wait', value: always(300) },
  ]
  const costs = {
    ...{ redis: 0.5, redisAServer: 0.5, redisById: 4, redisByHome: 2 },
    ...{ wait: 10, waitById: 30, waitByHome: 20, skip: 5, heap: 300 },
  }

  test('has its unit costs from one server and from the largest fleet', () => {
    expect(unitCostsOf(measured)).toEqual(costs)
  })

  test('takes noise for nothing, not for a gain', () => {
    const [, , , , , , ...others] = measured
    const quick = [...costsOf('pattern', '1 server', 1, 10), ...costsOf('pattern', '20 servers', 0.9, 105 / 20)]
    expect(unitCostsOf([...quick, ...others])).toMatchObject({
      redis: 1,
      redisAServer: 0,
    })
  })

  test('says what the run did not measure', () => {
    expect(() => unitCostsOf(measured.slice(0, -1))).toThrow('no result of Memory: ours, ids of 36 characters')
  })

  test('adds up a fleet', () => {
    const size = sizeOf(costs, { servers: 100, events: 10_000, pendingFor: 30 })
    expect(size.redis).toBeCloseTo(0.01 * (0.5 + 0.5 * 100))
    expect(size.redisById).toBeCloseTo(0.04)
    // A hundredth of the events is its own.
    expect(size.server).toBeCloseTo(0.01 * (10 / 100 + (5 * 99) / 100))
    expect(size.serverById).toBeCloseTo((0.01 * 30) / 100)
    expect(size.redisByHome).toBeCloseTo(0.02)
    expect(size.serverByHome).toBeCloseTo((0.01 * 20) / 100)
    expect(size.pending).toBe(3000)
    expect(size.megabytes).toBeCloseTo(0.9)
  })
})
