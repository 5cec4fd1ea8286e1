import { sides, spread, valueOf, wanted } from './format'
import { isMet, tally, type Row, type Skipped } from './row'

const widths = [92, 26, 30, 26]

function columns(...cells: string[]): string {
  return cells
    .map((cell, index) => cell.padEnd(widths[index] ?? 0))
    .join(' ')
    .trimEnd()
}

export const head = columns('', '', 'median (lowest to highest)', 'of', 'promised')

export function line(row: Row | Skipped): string {
  if ('skipped' in row) return columns(`${row.group}: ${row.title}`, `not measured: ${row.skipped}`)
  const { group, title, against, metric, value, target } = row
  return columns(
    `${group}: ${title}${against === undefined ? '' : `, against ${against}`}`,
    metric,
    `${valueOf(row)} (${spread(value)})`,
    sides(row),
    target ? `${wanted(target)}: ${isMet(value, target) ? 'met' : 'missed'}` : '',
  )
}

export function summary(rows: readonly Row[]): string {
  const { met, targets } = tally(rows)
  return `${met} of ${targets} targets met`
}
