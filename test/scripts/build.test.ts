import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { pathToFileURL } from 'node:url'

const dist = pathToFileURL(join(__dirname, '../../scripts/lib/dist.mjs')).href
let folder: string

function write(files: Record<string, string>): void {
  for (const [file, text] of Object.entries(files)) {
    mkdirSync(join(folder, dirname(file)), { recursive: true })
    writeFileSync(join(folder, file), text)
  }
}

/** Runs it as an ES module and gives what it printed, as JSON. */
function run(code: string): unknown {
  const program = `import { removeOrphans, writeEntries } from '${dist}'\n${code}`
  return JSON.parse(execFileSync(process.execPath, ['--input-type=module', '-e', program], { cwd: folder }).toString())
}

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'server-events-build-'))
  write({
    'package.json': JSON.stringify({
      exports: {
        '.': { import: { types: './dist/index.d.mts', default: './dist/index.mjs' }, require: './dist/index.js' },
        './part': { import: { types: './dist/part/index.d.mts', default: './dist/part/index.mjs' } },
        './package.json': './package.json',
      },
    }),
    'src/index.ts': '',
    'src/part/index.ts': '',
    'dist/index.js': 'exports.two = exports.one = void 0\nexports.one = 1\nexports.two = {}',
    'dist/part/index.js': 'exports.three = class {}',
  })
})

afterEach(() => {
  rmSync(folder, { recursive: true })
})

test('every entry that package.json exports gives the names of its CommonJS build, and the same objects', () => {
  const names = `
    writeEntries('.')
    const { createRequire } = await import('node:module')
    const require = createRequire('${pathToFileURL(folder).href}/')
    const result = []
    for (const name of ['index', 'part/index']) {
      const imported = await import('${pathToFileURL(folder).href}/dist/' + name + '.mjs')
      const required = require('./dist/' + name + '.js')
      result.push(Object.keys(imported), Object.keys(imported).every((key) => imported[key] === required[key]))
    }
    console.log(JSON.stringify(result))`
  expect(run(names)).toEqual([['one', 'two'], true, ['three'], true])
  expect(existsSync(join(folder, 'dist/part/index.d.mts'))).toBe(true)
})

test('an entry is written again when its build has changed', () => {
  run(`writeEntries('.'); console.log(0)`)
  const again = `
    const { utimesSync, writeFileSync } = await import('node:fs')
    writeFileSync('dist/index.js', 'exports.other = 1')
    utimesSync('dist/index.js', new Date(), new Date(Date.now() + 10_000))
    writeEntries('.')
    console.log(JSON.stringify(Object.keys(await import('${pathToFileURL(folder).href}/dist/index.mjs'))))`
  expect(run(again)).toEqual(['other'])
})

test('what was compiled from a source that is gone is removed, and nothing else', () => {
  write({
    'dist/index.d.ts.map': '',
    'dist/index.mjs': '',
    'dist/index.mjs.map': '',
    'dist/renamed.js': '',
    'dist/part/renamed.d.ts': '',
    'dist/tsconfig.tsbuildinfo': '',
  })
  const left = `
    const { readdirSync } = await import('node:fs')
    removeOrphans('.')
    console.log(JSON.stringify(readdirSync('dist', { recursive: true }).sort()))`
  expect(run(left)).toEqual([
    ...['index.d.ts.map', 'index.js', 'index.mjs', 'part', 'part/index.js', 'tsconfig.tsbuildinfo'],
  ])
})
