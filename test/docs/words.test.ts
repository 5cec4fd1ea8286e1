// Plain words: none of those that we agreed not to use, and a link to the glossary where a page uses a term first.
import { readdirSync, readFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import { markdownFiles, root } from './files'
import { commentsOf, unlinkedTerms, unwantedIn } from './words'

const pages = markdownFiles()
const sources = readdirSync(join(root, 'packages'))
  .map((name) => join(root, 'packages', name, 'src'))
  .flatMap((folder) =>
    readdirSync(folder, { recursive: true, encoding: 'utf8' })
      .filter((file) => file.endsWith('.ts'))
      .map((file) => relative(root, join(folder, file))),
  )
/** For users, and not the glossary itself nor the list of all pages. Package READMEs cannot link out of their tarball. */
const glossed = pages.filter((page) => /^(README|docs\/(?!glossary|README)[\w-]+)\.md$/.test(page))
const textOf = (file: string): string => readFileSync(join(root, file), 'utf8')

test.each(pages)('%s has no unwanted word', (page) => {
  expect(unwantedIn(textOf(page))).toEqual([])
})

test('nor has a comment of a package', () => {
  const found = sources.flatMap((file) => unwantedIn(commentsOf(textOf(file))).map((what) => `${file}, ${what}`))
  expect(sources.length).toBeGreaterThan(100)
  expect(found).toEqual([])
})

test.each(glossed)('%s links its terms to the glossary', (page) => {
  expect(unlinkedTerms(textOf(page))).toEqual([])
})

describe('the test of words', () => {
  test('finds a word, says where, and what to write', () => {
    expect(unwantedIn('An event.\nThe emitter of it, an EventEmitter.')).toEqual(['line 2: "emitter": write producer'])
  })

  test('reads comments, not code', () => {
    const source = "/** The emitter. */\nconst emitter = 'http://emitter' // an emitter\n"
    expect(unwantedIn(commentsOf(source)).map((what) => what.slice(0, 7))).toEqual(['line 1:', 'line 2:'])
    expect(unwantedIn(commentsOf("const emitter = 'http://emitter'"))).toEqual([])
  })

  test.each([
    ['a first use without a link', 'An outcome, an [outcome](glossary.md).', ['outcome']],
    ['a link at the first use', 'An [outcome](glossary.md), an outcome.', []],
    ['code, headings and other links', '# Outcome\n\n`outcome` [outcome](faq.md)\n\n```ts\noutcome\n```\n', []],
    ['a page that does not use it', 'An event.', []],
  ])('sees %s', (_, markdown, missing) => {
    expect(unlinkedTerms(markdown)).toEqual(missing)
  })
})
