// In which order test files begin where jest does not know how long they take.
import { readdirSync } from 'node:fs'
import { join } from 'node:path'

interface Test {
  readonly path: string
  readonly context: object
}

const LongestFirst = jest.requireActual<(new () => { sort(tests: Test[]): Test[] }) & { longest: string[] }>(
  '../../testing/jest/longest-first.js',
)

const root = join(__dirname, '../..')
/** For the sequencer of jest: nothing was measured, and all are of one size. */
const context = { config: { cache: false }, hasteFS: { getSize: () => 1 } }

const files = ['packages', 'test'].flatMap((folder) =>
  readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
    .map((file) => join(root, folder, file))
    .filter((file) => file.endsWith('.test.ts') && !file.includes('node_modules')),
)

test.each(LongestFirst.longest)('%s is there', (part) => {
  expect(files.some((file) => file.includes(part))).toBe(true)
})

test('those that are named begin first, in their order', () => {
  const sorted = new LongestFirst().sort(files.map((path) => ({ path, context })))
  const parts = sorted.map(({ path }) => LongestFirst.longest.find((part) => path.includes(part)))
  expect(parts.filter((part, index) => part !== undefined && part !== parts[index - 1])).toEqual(LongestFirst.longest)
  expect(parts.at(-1)).toBeUndefined()
})
