import { figure, markdownTable, sides, spread, valueOf, wanted } from '../format'
import { measured, type Run } from '../record'
import { isMet, tally, type Row } from '../row'
import { sizeOf, unitCostsOf, type Fleet } from './sizing'

const marked = /(<!-- from results\.json: (.*?) -->\n)[^]*?(\n<!-- end -->)/g

/** A page with what stands between its marks made anew of the results. */
export function documented(markdown: string, run: Run): string {
  return markdown.replaceAll(marked, (_, begin: string, what: string, end: string) => {
    return `${begin}\n${sectionOf(what, run)}\n${end}`
  })
}

/** What a page shows of the results, by the names that its marks have. */
function sectionOf(what: string, run: Run): string {
  const rows = measured(run)
  switch (what) {
    case 'run':
      return about(run)
    case 'four figures':
      return fourFigures(rows)
    case 'targets':
      return targets(rows)
    case 'unit costs':
      return unitCosts(rows)
    case 'sizing':
      return sizing(rows)
    default:
      return groupOf(what, run)
  }
}

function about(run: Run): string {
  const { met, targets: all } = tally(measured(run))
  const where = `Node ${run.node.slice(1)} on ${run.cores} cores, ${run.recorded}`
  if (run.quick) return `**${where}, with \`--quick\`: the figures on this page are no measurements.**`
  return `Measured with ${where}: ${met} of ${all} targets met.`
}

/** What a user asks first. */
function fourFigures(rows: readonly Row[]): string {
  const row = (group: string, title: string, metric: string, against?: string): Row => {
    const found = rows.find(
      (one) => one.group === group && one.title === title && one.metric === metric && one.against === against,
    )
    if (!found) throw new Error(`no result of ${group}: ${title}, ${metric}`)
    return found
  }
  const side = (value: number | undefined, unit: string): string => `${figure(value ?? NaN)} ${unit}`
  const speed = row('Waits', 'ours, 256 in flight', 'waits/s', 'by hand')
  const cpu = row('Waits', 'ours, 256 in flight', 'CPU a wait', 'by hand')
  const time = row('Time to settle', '1 in flight', 'p50', 'by hand')
  const heap = row('Memory', 'ours, ids of 36 characters', 'heap a pending wait')
  const byHand = row('Memory', 'a Map and setTimeout by hand', 'heap a pending wait')
  return markdownTable(
    ['', 'server-events', 'a loop by hand on ioredis'],
    [
      ['waits a second, 256 in flight', side(speed.ours, ''), side(speed.theirs, '')].map((cell) => cell.trim()),
      ['CPU of a wait, both sides, 256 in flight', side(cpu.ours, 'µs'), side(cpu.theirs, 'µs')],
      ['time from the call to the event, 1 in flight, p50', side(time.ours, 'ms'), side(time.theirs, 'ms')],
      ['heap of a pending wait, beside its id', valueOf(heap), valueOf(byHand)],
    ],
  )
}

function nameOf({ title, against }: Pick<Row, 'title' | 'against'>): string {
  return against === undefined ? title : `${title}, against ${against}`
}

function targets(rows: readonly Row[]): string {
  const lines = rows.flatMap((row) => {
    const { group, metric, value, target } = row
    if (!target) return []
    const verdict = isMet(value, target) ? 'met' : '**missed**'
    return [[`${group}: ${nameOf(row)}: ${metric}`, wanted(target), valueOf(row), spread(value), verdict]]
  })
  return markdownTable(['what', 'target', 'median', 'lowest to highest', ''], lines)
}

/** One line a case, one column a metric; behind a ratio the two medians that it is of. */
function groupOf(group: string, { results }: Run): string {
  const lines = new Map<string, Map<string, string>>()
  const metrics = new Set<string>()
  for (const row of results.filter((one) => one.group === group)) {
    const name = nameOf(row)
    const line = lines.get(name) ?? new Map<string, string>()
    lines.set(name, line)
    if ('skipped' in row) {
      line.set('', `not measured: ${row.skipped}`)
      continue
    }
    metrics.add(row.metric)
    line.set(row.metric, [valueOf(row), sides(row) && `(${sides(row)})`].join(' ').trim())
  }
  if (lines.size === 0) throw new Error(`no results of ${group}`)
  const columns = [...metrics]
  return markdownTable(
    ['', ...columns],
    [...lines].map(([name, line]) => [name, ...columns.map((metric) => line.get(metric) ?? line.get('') ?? '')]),
  )
}

function unitCosts(rows: readonly Row[]): string {
  const costs = unitCostsOf(rows)
  const micros = (value: number): string => `${figure(value)} µs`
  return markdownTable(
    ['one event, alone in its PUBLISH', 'pattern', 'id', 'id, with homes'],
    [
      [
        'CPU of Redis',
        `${micros(costs.redis)}, and ${micros(costs.redisAServer)} for each server that hears it`,
        micros(costs.redisById),
        micros(costs.redisByHome),
      ],
      ['CPU of the server that waits', micros(costs.wait), micros(costs.waitById), micros(costs.waitByHome)],
      ['CPU of each other server', micros(costs.skip), 'none', 'none'],
      ['heap while it is pending', ...Array<string>(3).fill(`${figure(costs.heap)} bytes`)],
    ],
  )
}

const pendingFor = 30
const fleets: readonly Fleet[] = [
  { servers: 10, events: 1_000, pendingFor },
  { servers: 50, events: 2_000, pendingFor },
  { servers: 200, events: 5_000, pendingFor },
  { servers: 1_000, events: 5_000, pendingFor },
  { servers: 1_000, events: 20_000, pendingFor },
]

function sizing(rows: readonly Row[]): string {
  const costs = unitCostsOf(rows)
  const percent = (cores: number): string => `${figure(cores * 100)} %`
  /** A Redis executes commands on one core. */
  const ofRedis = (cores: number): string => (cores > 1 ? `**${percent(cores)}**` : percent(cores))
  return markdownTable(
    [
      'servers',
      'events/s in all',
      'Redis, pattern',
      'a server, pattern',
      'Redis, id',
      'a server, id',
      'Redis, homes',
      'a server, homes',
      'pending a server',
      'heap a server',
    ],
    fleets.map((fleet) => {
      const size = sizeOf(costs, fleet)
      return [
        fleet.servers.toLocaleString('en'),
        fleet.events.toLocaleString('en'),
        ofRedis(size.redis),
        percent(size.server),
        ofRedis(size.redisById),
        percent(size.serverById),
        ofRedis(size.redisByHome),
        percent(size.serverByHome),
        Math.round(size.pending).toLocaleString('en'),
        `${figure(size.megabytes)} MB`,
      ]
    }),
  )
}
