/*
 * Draws what an event costs Redis and each server, against how many servers there are: light or dark
 * as the reader prefers.
 *
 *     fleet-chart.js RESULTS.json CHART.svg
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { fleetGroup, ofRedis, ofServer } from '../cases/fleet'
import { figure } from '../format'
import { measured, type Run } from '../record'
import { newDocument, svgOf } from './svg'

interface Point {
  readonly mode: string
  readonly servers: number
  readonly panel: string
  readonly micros: number
}

const panels = [
  { metric: ofRedis, title: 'CPU of Redis, µs an event' },
  { metric: ofServer, title: 'CPU of each server, µs an event' },
]

const style = `
.fleet { --ink: #1f2328; --paper: #ffffff; --grid: #d1d9e0 }
.fleet { --pattern: #8250df; --id: #bc4c00; --homes: #0969da }
@media (prefers-color-scheme: dark) {
  .fleet { --ink: #f0f6fc; --paper: #0d1117; --grid: #3d444d }
  .fleet { --pattern: #bc8cff; --id: #f0883e; --homes: #58a6ff }
}
`

function pointsOf(run: Run): Point[] {
  return measured(run).flatMap(({ group, title, metric, value }) => {
    const panel = panels.find((one) => one.metric === metric)?.title
    const [mode = '', servers = ''] = title.split(', ')
    if (group !== fleetGroup || panel === undefined) return []
    return [{ mode, servers: Number.parseInt(servers), panel, micros: value.median }]
  })
}

async function draw(run: Run): Promise<string> {
  const Plot = await import('@observablehq/plot')
  const points = pointsOf(run)
  const sizes = [...new Set(points.map(({ servers }) => servers))]
  const most = Math.max(...sizes)
  const at = { x: 'servers', y: 'micros', fx: 'panel' }
  const color = ({ mode }: Point): string => `var(--${mode})`
  const svg = Plot.plot({
    document: newDocument(),
    ...{ width: 960, height: 420, marginLeft: 50, marginRight: 110, marginTop: 80, marginBottom: 60 },
    className: 'fleet',
    style: {
      ...{ background: 'var(--paper)', color: 'var(--ink)' },
      ...{ fontFamily: 'system-ui, sans-serif', fontSize: '12px' },
    },
    x: { type: 'linear', domain: [0, most], label: null },
    y: { type: 'log', label: null },
    fx: { domain: panels.map(({ title }) => title), label: null, padding: 0.25 },
    marks: [
      Plot.gridY({ stroke: 'var(--grid)', strokeOpacity: 1 }),
      Plot.axisX(sizes, { text: String, label: null }),
      Plot.axisY({ label: null, ticks: 4, tickFormat: (value: number) => String(value) }),
      Plot.line(points, { ...at, z: 'mode', stroke: color, strokeWidth: 2 }),
      Plot.dot(points, { ...at, fill: color, r: 4 }),
      Plot.text(points, {
        ...{ ...at, filter: ({ servers }: Point) => servers === most, textAnchor: 'start', dx: 8 },
        ...{ text: ({ mode, micros }: Point) => `${mode} ${figure(micros)}`, fill: color, fontWeight: 'bold' },
      }),
    ],
  })
  const ink = { fill: 'var(--ink)', 'text-anchor': 'middle' }
  return svgOf(
    svg,
    [
      {
        text: 'An event that one server of a fleet waits for, alone in its PUBLISH',
        at: { ...ink, x: '480', y: '28', 'font-size': '16', 'font-weight': 'bold' },
      },
      { text: 'servers, each of which waits for its share; costs are logarithmic', at: { ...ink, x: '480', y: '410' } },
    ],
    style,
  )
}

async function main(): Promise<void> {
  const [results = '', chart = ''] = process.argv.slice(2)
  writeFileSync(chart, await draw(JSON.parse(readFileSync(results, 'utf8')) as Run))
}

void main()
