/*
 * Draws the chart of the README: four bars, light or dark as the reader prefers.
 *
 *     bars.js RESULTS.json CHART.svg
 */
import { readFileSync, writeFileSync } from 'node:fs'
import type { Run } from '../record'
import { speedsOf, timesText } from './speeds'

const width = 760
const left = 210
const right = 60
const top = 44
const bar = 26
const step = 38

function draw(run: Run): string {
  const speeds = speedsOf(run).flatMap(({ name, times }) => (name === undefined ? [] : { name, times }))
  const most = Math.max(...speeds.map(({ times }) => times))
  const height = top + step * speeds.length + 4
  const says = speeds.map(({ name, times }) => `${name} ${timesText(times)}`).join(', ')
  const bars = speeds.map(({ name, times }, index) => {
    const y = top + index * step
    const length = Math.max(2, ((width - left - right) * times) / most)
    const middle = y + bar / 2
    return [
      `  <text class="text" x="${left - 12}" y="${middle}" text-anchor="end" dominant-baseline="central">${name}</text>`,
      `  <rect class="${index === 0 ? 'ours' : 'other'}" x="${left}" y="${y}" width="${length.toFixed(1)}" height="${bar}" rx="3" />`,
      `  <text class="text" x="${(left + length + 8).toFixed(1)}" y="${middle}" font-weight="600" dominant-baseline="central">${timesText(times)}</text>`,
    ].join('\n')
  })
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img" aria-labelledby="title" font-family="system-ui, -apple-system, 'Segoe UI', Helvetica, Arial, sans-serif" font-size="14">
  <title id="title">Waits a second, 256 in flight, a loop by hand on ioredis = 1: ${says}</title>
  <style>
    .text { fill: #1f2328; }
    .soft { fill: #59636e; font-size: 12px; }
    .ours { fill: #0969da; }
    .other { fill: #8c959f; }
    @media (prefers-color-scheme: dark) {
      .text { fill: #f0f6fc; }
      .soft { fill: #9198a1; }
      .ours { fill: #4493f8; }
      .other { fill: #656c76; }
    }
  </style>
  <text class="soft" x="${left}" y="24">waits a second with 256 in flight; a loop by hand on ioredis = 1</text>
${bars.join('\n')}
</svg>
`
}

const [results = '', chart = ''] = process.argv.slice(2)
writeFileSync(chart, draw(JSON.parse(readFileSync(results, 'utf8')) as Run))
