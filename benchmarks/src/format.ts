import type { Comparison } from './contenders/compare'
import type { Row, Target } from './row'

/** Three digits, or all before the point. */
export function figure(value: number): string {
  const size = Math.abs(value)
  return size >= 100 ? Math.round(value).toLocaleString('en') : value.toFixed(size >= 10 ? 1 : 2)
}

/** The median of a row, with its unit unless it is a ratio. */
export function valueOf({ value, against, unit }: Row): string {
  return against === undefined ? `${figure(value.median)} ${unit}` : figure(value.median)
}

export function spread({ lowest, highest }: Comparison): string {
  return `${figure(lowest)} to ${figure(highest)}`
}

export function wanted(target: Target): string {
  return 'atLeast' in target ? `at least ${target.atLeast}` : `at most ${target.atMost}`
}

/** Ours and theirs behind a ratio; empty for a figure of its own. */
export function sides({ ours, theirs, unit }: Row): string {
  return ours === undefined || theirs === undefined ? '' : `${figure(ours)} : ${figure(theirs)} ${unit}`.trim()
}

/** Columns as wide as their widest cell, as prettier writes them. */
export function markdownTable(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = head.map((cell, column) => Math.max(3, ...[cell, ...rows.map((row) => row[column] ?? '')].map(length)))
  const line = (cells: readonly string[]): string =>
    `| ${widths.map((width, column) => (cells[column] ?? '').padEnd(width)).join(' | ')} |`
  return [line(head), line(widths.map((width) => '-'.repeat(width))), ...rows.map(line)].join('\n')
}

function length(text: string): number {
  return text.length
}
