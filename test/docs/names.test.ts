// A map that cannot lie: what CONTRIBUTING.md and docs/ name in backticks is there.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { markdownFiles, root } from './files'
import { ownTree, staleNames } from './names'
import type { Tree } from './names'

const tree = ownTree()
/** It is about what others have. */
const ofOthers = 'docs/coming-from.md'
const pages = markdownFiles().filter(
  (file) => file === 'CONTRIBUTING.md' || (file.startsWith('docs/') && file !== ofOthers),
)

test.each(pages)('%s names only files, classes and members that exist', (page) => {
  expect(staleNames(readFileSync(join(root, page), 'utf8'), tree)).toEqual([])
})

describe('the test of names', () => {
  const small: Tree = {
    files: new Map([
      ['packages/a/src/engine.ts', 'export class Engine {\n  #settle(): void {\n  }\n  readonly size = 1\n}\n'],
      ['packages/a/src/parts/wheel.ts', 'export interface Wheel {\n  turn(): void\n}\n'],
      ['packages/b/src/parts/wheel.ts', ''],
      ['packages/a/src/index.ts', ''],
      ['packages/core/src/kit/index.ts', ''],
      ['scripts/run.mjs', ''],
    ]),
  }

  test.each([
    ['a file', '`engine.ts` and `packages/a/src/engine.ts`'],
    ['a folder', '`packages/a/src/parts/`, `parts` and `packages/*`'],
    ['what is compiled', '`index.mjs`'],
    ['an entry of core', '`server-events/kit`'],
    ['a class, a type and their members', '`Engine`, `Engine.size`, `Engine.#settle`, `Wheel.turn`'],
    ['a private member', '`#settle`'],
    ['a global', '`Promise.any` and `Buffer.from([1])`'],
    ['what is no name', '`npm test`, `@scope/package`, `/ready`, `x`, `#`'],
    ['names of the page itself', '```ts\nclass Own {}\n// start.mjs\n```\n`Own`, `start.mjs`'],
    ['what stands in a code block', '```sh\n`gone.ts`\n```'],
  ])('takes %s', (_what, markdown) => {
    expect(staleNames(markdown, small)).toEqual([])
  })

  test.each([
    ['a file', '`motor.ts`'],
    ['a path', '`packages/a/src/old/engine.ts`'],
    ['a folder', '`packages/c/`'],
    ['an entry', '`server-events/box`'],
    ['a class', '`Motor`'],
    ['a member', '`Engine.speed`'],
    ['a private member', '`#stop`'],
  ])('finds %s that is not there', (_what, markdown) => {
    expect(staleNames(markdown, small)).toEqual([markdown.replaceAll('`', '')])
  })

  test('asks which file is meant', () => {
    expect(staleNames('`wheel.ts`', small)).toEqual([
      'wheel.ts: is it packages/a/src/parts/wheel.ts or packages/b/src/parts/wheel.ts?',
    ])
    expect(staleNames('`a/src/parts/wheel.ts`', small)).toEqual([])
  })

  test('turns red when CONTRIBUTING.md names what is gone', () => {
    const page = readFileSync(join(root, 'CONTRIBUTING.md'), 'utf8')
    const stale = page.replace('`server-events.ts`', '`server-event.ts`').replace('`Wait`', '`Waiting`')
    expect(staleNames(stale, tree)).toEqual(expect.arrayContaining(['server-event.ts', 'Waiting']))
  })
})
