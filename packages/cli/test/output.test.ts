import { docs } from '../src/doctor/finding'
import { table } from '../src/output'

/** What a terminal of so many columns shows. */
function shown(columns: number, head: readonly string[], rows: readonly (readonly string[])[]): string[] {
  const written: string[] = []
  const before = Object.getOwnPropertyDescriptor(process.stdout, 'columns')
  const write = jest.spyOn(process.stdout, 'write').mockImplementation((text) => written.push(String(text)) > 0)
  Object.defineProperty(process.stdout, 'columns', { value: columns, configurable: true })
  try {
    table(head, rows)
  } finally {
    write.mockRestore()
    if (before) Object.defineProperty(process.stdout, 'columns', before)
    else Reflect.deleteProperty(process.stdout, 'columns')
  }
  return written.join('').trimEnd().split('\n')
}

const rows = Object.values(docs).map((link) => [
  'warn',
  'permissions of server-events-doctor',
  `some of what is needed is refused, and so on for quite a while\n  ${link}`,
])

test.each([60, 80, 120])('a table in %p columns leaves words whole: a link that is cut leads nowhere', (columns) => {
  const lines = shown(columns, ['', 'check', 'found'], rows)
  for (const link of Object.values(docs)) expect(lines.join('\n')).toContain(link)
  expect(lines.join('\n')).not.toContain('…')
  if (columns >= 120) expect(lines.join('\n')).toContain('permissions of server-events-doctor')
})

test('and is no wider than the terminal, where words let it', () => {
  const words = [['ok', 'permissions of server-events-doctor', 'words '.repeat(40)]]
  for (const columns of [60, 80, 120])
    expect(Math.max(...shown(columns, ['', 'check', 'found'], words).map(({ length }) => length))).toBeLessThanOrEqual(
      columns,
    )
})
