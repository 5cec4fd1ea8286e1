// A folder is read at one glance, or it is several.
import { readdirSync } from 'node:fs'
import { join, relative } from 'node:path'

const root = join(__dirname, '../..')
const most = 15

const packages = readdirSync(join(root, 'packages'), { withFileTypes: true }).filter((entry) => entry.isDirectory())
const sources = [
  ...packages.map(({ name }) => `packages/${name}/src`),
  'testing/src',
  'benchmarks/src',
  'simulation',
  'scripts',
]

/** How many source files lie in each folder under one, by paths from the root. */
function filesByFolder(folder: string): Map<string, number> {
  const counts = new Map<string, number>()
  for (const entry of readdirSync(join(root, folder), { withFileTypes: true, recursive: true })) {
    if (!entry.isFile() || !/\.[cm]?[jt]s$/.test(entry.name)) continue
    const parent = relative(root, entry.parentPath)
    counts.set(parent, (counts.get(parent) ?? 0) + 1)
  }
  return counts
}

test.each(sources)(`no folder of %s has more than ${most} source files`, (folder) => {
  const counts = filesByFolder(folder)
  expect(counts.size).toBeGreaterThan(0)
  expect([...counts].filter(([, count]) => count > most)).toEqual([])
})
