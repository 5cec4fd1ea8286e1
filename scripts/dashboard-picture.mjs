// Draws docs/grafana-dashboard.svg: what a Prometheus answers to the queries of docs/grafana-dashboard.json, a chart for
// each panel, as Grafana would lay them out: node scripts/dashboard-picture.mjs URL FROM TO [SCRAPE], in s since 1970.
import { createHash } from 'node:crypto'
import { readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

/**
 * @typedef {{ expr: string, legendFormat?: string }} Target
 * @typedef {{ title: string, gridPos: { x: number, y: number, w: number, h: number }, targets: Target[],
 *   fieldConfig?: { defaults?: { unit?: string } } }} Panel
 * @typedef {{ name: string, points: [number, number][] }} Series
 */

const file = fileURLToPath(new URL('../docs/grafana-dashboard.json', import.meta.url))
const colours = ['#73bf69', '#f2cc0c', '#5794f2', '#ff780a', '#f2495c', '#b877d9', '#8ab8ff', '#ffa6b0']
/** Of one unit of the dashboard's grid, in px. */
const [column, row] = [46, 26]

const [url = '', first = '', last = '', scrape = '2'] = process.argv.slice(2)
const [from, to] = [Number(first), Number(last)]

/** @param {Target} target @returns {Promise<Series[]>} */
async function ask({ expr, legendFormat = '' }) {
  // As Grafana does: four scrapes.
  const query = expr.replaceAll('$__rate_interval', `${4 * Number(scrape)}s`)
  const asked = new URLSearchParams({ query, start: first, end: last, step: scrape })
  const response = await fetch(`${url}/api/v1/query_range?${String(asked)}`)
  /** @type {{ status: string, error?: string, data: { result: { metric: Record<string, string>, values: [number, string][] }[] } }} */
  const answer = /** @type {never} */ (await response.json())
  if (answer.status !== 'success') throw new Error(`${query}: ${String(answer.error)}`)
  return answer.data.result.map(({ metric, values }) => ({
    name: legendFormat.replaceAll(/\{\{(\w+)\}\}/g, (_, /** @type {string} */ label) => metric[label] ?? '').trim(),
    points: values.map(([at, value]) => [at, Number(value)]),
  }))
}

/** @param {string} text */
const escaped = (text) => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;')

/** @param {number} value @param {string | undefined} unit */
function shown(value, unit) {
  if (unit === 's') return value < 1 ? `${Math.round(value * 1_000)} ms` : `${Number(value.toFixed(2))} s`
  return `${Number(value.toFixed(value < 10 ? 1 : 0))}${unit === 'ops' ? '/s' : ''}`
}

/** @param {Panel} panel */
async function chart({ title, gridPos, targets, fieldConfig }) {
  const unit = fieldConfig?.defaults?.unit
  const series = (await Promise.all(targets.map(ask))).flat()
  const [width, height] = [gridPos.w * column - 10, gridPos.h * row - 10]
  const [left, right, top] = [58, width - 12, 36]
  let [end, rows] = [left, 1]
  const places = series.map(({ name }) => {
    // Capitals, as codes of errors have them, are wide.
    const wide = 24 + 6.2 * name.length + 1.4 * (name.match(/[A-Zm_]/g)?.length ?? 0)
    if (end + wide > right) [end, rows] = [left, rows + 1]
    end += wide
    return { begin: end - wide, row: rows - 1 }
  })
  // There is room for two rows.
  const first = height - 6 - 14 * Math.max(rows - 1, 1)
  const bottom = first - 32
  const finite = series.flatMap(({ points }) => points.map(([, value]) => value)).filter(Number.isFinite)
  const most = Math.max(...finite, 0) || 1
  const x = (/** @type {number} */ at) => left + ((at - from) / (to - from)) * (right - left)
  const y = (/** @type {number} */ value) => bottom - (value / most) * (bottom - top)
  const lines = series.map(({ points }, index) => {
    const drawn = points.filter(([, value]) => Number.isFinite(value))
    // A gap stays a gap.
    const path = drawn.map(([at, value], number) => {
      const begins = at - (drawn[number - 1]?.[0] ?? 0) > 2 * Number(scrape)
      return `${begins ? 'M' : 'L'}${x(at).toFixed(1)} ${y(value).toFixed(1)}`
    })
    return `<path d="${path.join('')}" fill="none" stroke="${colours[index % colours.length]}" stroke-width="1.5"/>`
  })
  const grid = [0, 0.5, 1].map((share) => {
    const at = y(share * most)
    return `<path d="M${left} ${at}H${right}" stroke="#2c3235"/><text x="${left - 6}" y="${at + 4}" text-anchor="end">${shown(share * most, unit)}</text>`
  })
  const minutes = [0, 0.5, 1].map((share) => {
    const seconds = Math.round(share * (to - from))
    const time = `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, '0')}`
    const anchor = share === 0 ? 'start' : share === 1 ? 'end' : 'middle'
    return `<text x="${x(from + seconds)}" y="${bottom + 16}" text-anchor="${anchor}">${time}</text>`
  })
  const legend = series.map(({ name }, index) => {
    const { begin = 0, row = 0 } = places[index] ?? {}
    const line = first + 14 * row
    return `<path d="M${begin} ${line - 4}h12" stroke="${colours[index % colours.length]}" stroke-width="3"/><text x="${begin + 16}" y="${line}">${escaped(name)}</text>`
  })
  const nothing =
    series.length === 0 ? `<text x="${width / 2}" y="${height / 2}" text-anchor="middle">No data</text>` : ''
  return `<g transform="translate(${gridPos.x * column + 5} ${gridPos.y * row + 5})" data-series="${series.length}">
<rect width="${width}" height="${height}" rx="3" fill="#181b1f" stroke="#2c3235"/>
<text x="12" y="22" font-size="14" font-weight="600" fill="#d8d9da">${escaped(title)}</text>
${[...grid, ...minutes, ...lines, ...legend].join('\n')}${nothing}
</g>`
}

const text = readFileSync(file, 'utf8')
const { panels } = /** @type {{ panels: Panel[] }} */ (JSON.parse(text))
const charts = await Promise.all(panels.map(chart))
const [width, height] = [24 * column, Math.max(...panels.map(({ gridPos: { y, h } }) => y + h)) * row]
const hash = createHash('sha256').update(text).digest('hex')
const svg = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img" data-dashboard="${hash}" font-family="system-ui, sans-serif" font-size="11" fill="#9fa7b3">
<title>The dashboard over a run with two API servers and a worker, in which connections were cut and Redis was away.</title>
<rect width="100%" height="100%" fill="#111217"/>
${charts.join('\n')}
</svg>
`
writeFileSync(file.replace('.json', '.svg'), svg)
