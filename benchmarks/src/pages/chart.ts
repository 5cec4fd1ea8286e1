/*
 * Draws the ratios to by hand of a results file: bars to the right and to the left of 1.
 *
 *     chart.js RESULTS.json CHART.svg
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { figure } from '../format'
import { measured, type Run } from '../record'
import { newDocument, svgOf } from './svg'

interface Bar {
  readonly what: string
  readonly panel: string
  readonly ratio: number
  readonly ours: boolean
}

const panels = [
  { metric: 'waits/s', title: 'Waits a second: right of 1 is more' },
  { metric: 'CPU a wait', title: 'CPU a wait, both sides: left of 1 is less' },
]
const ink = '#1f2328'
const ticks = [0.02, 0.1, 0.5, 1, 2, 5, 20]

/** What is against by hand: all of the waits, and of modes and kept waits what has 256 in flight. */
function barsOf(run: Run): Bar[] {
  return measured(run).flatMap(({ group, title, against, metric, value }) => {
    const panel = panels.find((one) => one.metric === metric)?.title
    const isMode = group === 'Modes' || group === 'Kept'
    const shown = isMode
      ? title.endsWith(', 256 in flight') && against?.endsWith('by hand') === true
      : group === 'Waits' && against === 'by hand'
    if (panel === undefined || !shown) return []
    const what = isMode ? `ours, ${group === 'Kept' ? 'kept, ' : ''}${title}` : title
    return [{ what, panel, ratio: value.median, ours: what.startsWith('ours') }]
  })
}

async function draw(run: Run): Promise<string> {
  const Plot = await import('@observablehq/plot')
  const bars = barsOf(run)
  const names = [...new Set(bars.map(({ what }) => what))]
  const height = 140 + names.length * 20
  const at = { x: 'ratio', y: 'what', fx: 'panel', text: ({ ratio }: Bar) => figure(ratio) }
  const svg = Plot.plot({
    document: newDocument(),
    width: 960,
    height,
    ...{ marginLeft: 270, marginTop: 80, marginBottom: 50, marginRight: 20 },
    // A page may be dark: the picture is not.
    style: { background: 'white', color: ink, fontFamily: 'system-ui, sans-serif', fontSize: '12px' },
    x: { type: 'log', domain: [0.004, 60], label: null },
    y: { domain: names, label: null, tickSize: 0 },
    fx: { domain: panels.map(({ title }) => title), label: null },
    marks: [
      Plot.axisX(ticks, { text: String, label: null }),
      Plot.gridX(ticks),
      Plot.barX(bars, {
        ...{ x1: 1, x2: 'ratio', y: 'what', fx: 'panel', insetTop: 2, insetBottom: 2 },
        fill: ({ ours }: Bar) => (ours ? '#4269d0' : '#8b949e'),
      }),
      Plot.ruleX([1], { stroke: ink }),
      Plot.text(bars, { ...at, filter: ({ ratio }: Bar) => ratio >= 1, textAnchor: 'start', dx: 4 }),
      Plot.text(bars, { ...at, filter: ({ ratio }: Bar) => ratio < 1, textAnchor: 'end', dx: -4 }),
    ],
  })
  return svgOf(svg, [
    {
      text: 'Waits over Redis, against the same work by hand',
      at: { x: '480', y: '28', 'font-size': '16', 'font-weight': 'bold' },
    },
    { text: 'times by hand on ioredis 5 = 1, logarithmic', at: { x: '605', y: String(height - 10) } },
  ])
}

async function main(): Promise<void> {
  const [results = '', chart = ''] = process.argv.slice(2)
  writeFileSync(chart, await draw(JSON.parse(readFileSync(results, 'utf8')) as Run))
}

void main()
