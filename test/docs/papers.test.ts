// What people see of a package on npm: nothing of it may point to what the tarball lacks.
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { root } from './files'
import { linksOf } from './links'

interface Manifest {
  readonly name: string
  readonly description: string
  readonly keywords: readonly string[]
  readonly license: string
}

const packages = readdirSync(join(root, 'packages'))

function manifestOf(folder: string): Manifest {
  return JSON.parse(readFileSync(join(root, 'packages', folder, 'package.json'), 'utf8')) as Manifest
}

/** Of these links, those to what is neither in the README itself nor shipped with it. */
function leaving(markdown: string): string[] {
  return linksOf(markdown).filter((target) => !/^(#|src\/|LICENSE$)/.test(target))
}

test.each(packages)('the README of packages/%s links to nothing outside its tarball', (folder) => {
  expect(leaving(readFileSync(join(root, 'packages', folder, 'README.md'), 'utf8'))).toEqual([])
})

test('a link that leaves the tarball is found', () => {
  const markdown = '[a](#a) [b](https://example.org) [c](src/index.ts) [d](../../docs/faq.md) [e](docs/faq.md)'
  expect(leaving(markdown)).toEqual(['../../docs/faq.md', 'docs/faq.md'])
})

test.each(packages)('packages/%s can be found: a description, keywords, the license', (folder) => {
  const { name, description, keywords, license } = manifestOf(folder)
  expect([description.length > 20, license]).toEqual([true, 'MIT'])
  expect(keywords.length).toBeGreaterThanOrEqual(5)
  expect(new Set(keywords).size).toBe(keywords.length)
  if (name !== 'server-events') expect(keywords).toContain('server-events')
})

test.each(packages)('packages/%s is among those that the README lists', (folder) => {
  expect(linksOf(readFileSync(join(root, 'README.md'), 'utf8'))).toContain(`packages/${folder}/README.md`)
})

test('the changelog tells of the version that the packages have', () => {
  const { version } = JSON.parse(readFileSync(join(root, 'lerna.json'), 'utf8')) as { version: string }
  expect(readFileSync(join(root, 'CHANGELOG.md'), 'utf8')).toMatch(new RegExp(`^#+ \\[?${version}\\b`, 'm'))
})
