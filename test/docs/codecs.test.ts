import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { root } from './files'

const [head = [], , ...rows] = readFileSync(join(root, 'docs/codecs.md'), 'utf8')
  .split('\n')
  .filter((line) => line.startsWith('| '))
  .map((line) =>
    line
      .slice(2, -2)
      .split(' | ')
      .map((cell) => cell.trim()),
  )

const tried = JSON.parse(
  execFileSync(process.execPath, [join(__dirname, 'codec-table.cjs'), JSON.stringify(rows)], { encoding: 'utf8' }),
) as { rows: string[][]; shared: boolean[] }

test('the table has its columns, and enough of it', () => {
  expect(head).toEqual(['sent', 'JSON', 'devalue', 'msgpackr'])
  expect(rows.length).toBeGreaterThan(30)
})

test.each(rows.map((row, index) => [row[0], row.slice(1), index] as const))(
  '%s arrives as the table says',
  (...[, , n]) => {
    expect(tried.rows[n]).toEqual(['', '', ''])
  },
)

test('one object twice arrives as one by devalue only', () => {
  expect(tried.shared).toEqual([false, true, false])
})
