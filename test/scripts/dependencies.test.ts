// What is installed apart (examples/, benchmarks/, release/) agrees with who needs it.
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

const root = join(__dirname, '../..')

type Versions = Record<string, string>

function dependenciesOf(folder: string): Versions {
  const manifest = JSON.parse(readFileSync(join(root, folder, 'package.json'), 'utf8')) as Record<string, Versions>
  return { ...manifest['dependencies'], ...manifest['devDependencies'] }
}

const isOurs = (name: string): boolean => name === 'server-events' || name.startsWith('@server-events/')
const ofRoot = dependenciesOf('.')
const ofExamples = dependenciesOf('examples')
const examples = readdirSync(join(root, 'examples'), { withFileTypes: true })
  .filter((entry) => entry.isDirectory() && !['demo', 'node_modules'].includes(entry.name))
  .map(({ name }) => name)

test.each(examples)('the example %s gets the versions that its package.json asks for', (example) => {
  for (const [name, version] of Object.entries(dependenciesOf(`examples/${example}`))) {
    if (!isOurs(name)) expect([name, ofExamples[name] ?? ofRoot[name]]).toEqual([name, version])
  }
})

test.each(['examples', 'benchmarks'])('%s installs no second copy of what the root has', (folder) => {
  expect(Object.keys(dependenciesOf(folder)).filter((name) => name in ofRoot)).toEqual([])
})

test('what the root, the tests and the demo are installed with is nothing that is installed apart', () => {
  const apart = ['examples', 'benchmarks', 'release'].flatMap((folder) => Object.keys(dependenciesOf(folder)))
  for (const folder of ['.', 'testing', 'examples/demo']) {
    expect([folder, Object.keys(dependenciesOf(folder)).filter((name) => apart.includes(name))]).toEqual([folder, []])
  }
})
