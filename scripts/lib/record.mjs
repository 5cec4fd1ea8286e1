import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { format, resolveConfig } from 'prettier'
import { root } from './cache.mjs'

/**
 * What a script saw: `subject` names the row, whose older record is replaced.
 *
 * @typedef {{ subject: string, version: string, ran: string, passed: number, failed: number }} Row
 */

const file = join(root, 'docs/compatibility.md')

/**
 * Prints rows, and with `--record` on the command line writes them into their table of docs/compatibility.md.
 *
 * @param {string} table the name in its marker
 * @param {readonly Row[]} rows
 */
export async function report(table, rows) {
  console.log('')
  for (const { subject, version, ran, passed, failed } of rows)
    console.log(
      `${failed === 0 ? 'passed' : 'FAILED'}  ${subject} ${version}: ${passed} of ${passed + failed} (${ran})`,
    )
  if (process.argv.includes('--record')) await record(table, rows)
  const failed = rows.reduce((total, row) => total + row.failed, 0)
  console.log(`${rows.reduce((total, row) => total + row.passed, 0)} passed, ${failed} failed`)
  if (failed > 0) process.exitCode = 1
}

/** @param {string} table @param {readonly Row[]} rows */
async function record(table, rows) {
  const today = new Date().toISOString().slice(0, 10)
  const markdown = readFileSync(file, 'utf8')
  const [begin, end] = [`<!-- ${table} -->`, `<!-- end of ${table} -->`]
  const [before, rest] = split(markdown, begin)
  const [old, after] = split(rest, end)
  const [head = '', line = '', ...lines] = old.split('\n').filter((one) => one.startsWith('|'))
  const kept = lines.filter((one) => !rows.some(({ subject }) => cells(one)[0] === subject))
  const fresh = rows.map(
    ({ subject, version, ran, passed, failed }) =>
      `| ${subject} | ${version} | ${ran} | ${passed} of ${passed + failed} | ${today} |`,
  )
  const sorted = [...kept, ...fresh].sort((a, b) =>
    // By number where they are numbered: 9 comes before 10.
    (cells(a)[0] ?? '').localeCompare(cells(b)[0] ?? '', 'en', { numeric: true }),
  )
  const written = [before, begin, '\n\n', [head, line, ...sorted].join('\n'), '\n\n', end, after].join('')
  writeFileSync(file, await format(written, { ...(await resolveConfig(file)), filepath: file }))
  console.log(`written to the table of ${table} in docs/compatibility.md`)
}

/** @param {string} text @param {string} marker @returns {[string, string]} what is before, what is after */
function split(text, marker) {
  const at = text.indexOf(marker)
  if (at < 0) throw new Error(`docs/compatibility.md has no ${marker}`)
  return [text.slice(0, at), text.slice(at + marker.length)]
}

/** @param {string} row */
function cells(row) {
  return row
    .split('|')
    .slice(1, -1)
    .map((cell) => cell.trim())
}
