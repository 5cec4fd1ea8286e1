// The docs are as right as their runner is strict: each way to be wrong must be seen.
import { blocksOf } from './blocks'
import { cheapScriptOf, commandsOf, wrongWith } from './commands'
import { brokenLinks } from './links'
import { Programs } from './programs'

const fenced = (language: string, code: string): string => `# Title\n\n\`\`\`${language}\n${code}\n\`\`\`\n`

describe('blocks', () => {
  test('come with their language and the line they begin at', () => {
    expect(blocksOf('a.md', `${fenced('ts', 'let a = 1\nlet b = 2')}\ntext\n${fenced('sh', 'npm test')}`)).toEqual([
      { file: 'a.md', line: 4, language: 'ts', code: 'let a = 1\nlet b = 2\n' },
      { file: 'a.md', line: 12, language: 'sh', code: 'npm test\n' },
    ])
  })

  test('in a list lose its indentation', () => {
    expect(blocksOf('a.md', '- item\n\n  ```ts\n  if (a) {\n    b()\n  }\n  ```\n')[0]?.code).toBe(
      'if (a) {\n  b()\n}\n',
    )
  })

  test.each([
    ['without a language', fenced('', 'let a'), /a\.md:3: a code block in no language/],
    ['in a language that nobody executes', fenced('python', 'a = 1'), /a\.md:3: a code block in python/],
    ['with words that could mean "skip me"', fenced('ts no-run', 'let a'), /a\.md:3: unknown words/],
    ['without an end', '```ts\nlet a\n', /a\.md:1: a code block that never ends/],
    ['in tildes without a language', '~~~\nlet a\n~~~\n', /a\.md:1: a code block in no language/],
    ['by indentation', 'For example\n\n    let a = 1\n', /a\.md:3: an indented code block/],
  ])('%s are refused', (_, markdown, message) => {
    expect(() => blocksOf('a.md', markdown)).toThrow(message)
  })
})

describe('programs', () => {
  const sources = {
    right: fenced(
      'ts',
      "import { TimeoutError } from 'server-events'\nconsole.log(await Promise.resolve(TimeoutError.code))",
    ),
    mistyped: fenced('ts', 'const a = 1\nconst b: string = a\nconsole.log(b)'),
    'js, mistyped': fenced('js', 'const a = 1\na.toUpperCase()'),
    unresolved: fenced('ts', "import { Nothing } from 'server-events'\nconsole.log(Nothing)"),
    throwing: fenced('ts', "throw new Error('broken')"),
    rejecting: fenced('ts', "void Promise.reject(new Error('nobody waits'))"),
    endless: fenced('ts', 'setInterval(() => {}, 1000)'),
    'js by require': fenced('js', "console.log(require('node:path').sep)"),
    'of jest': fenced('ts', "import { expect, test } from '@jest/globals'\ntest('a', () => expect(1).toBe(1))"),
    'failing in jest': fenced('ts', "import { expect, test } from '@jest/globals'\ntest('a', () => expect(1).toBe(2))"),
    'of Redis': fenced('ts', "console.log('redis://localhost:6379', { port: 6379 }, process.env['REDIS_URL'])"),
  }
  const blocks = Object.entries(sources).map(([name, markdown]) => [name, blocksOf('a.md', markdown)[0]!] as const)
  const block = (name: keyof typeof sources) => blocks.find(([other]) => other === name)![1]
  let programs: Programs

  beforeAll(() => {
    programs = new Programs(
      blocks.map(([, it]) => it),
      { url: 'redis://127.0.0.1:1', port: 1 },
    )
  })

  afterAll(() => {
    programs.remove()
  })

  test('that are right run', async () => {
    expect((await programs.run(block('right'))).stdout).toBe('ERR_TIMEOUT\n')
    expect((await programs.run(block('js by require'))).stdout).toBe('/\n')
  })

  test('that are tests for jest run in it', async () => {
    expect((await programs.run(block('of jest'))).stderr).toMatch(/Tests: +1 passed/)
  })

  test('reach the server of the test, not the one they name', async () => {
    expect((await programs.run(block('of Redis'))).stdout).toBe('redis://127.0.0.1:1 { port: 1 } redis://127.0.0.1:1\n')
  })

  test.each([
    ['mistyped', /a\.md:5: Type 'number' is not assignable/],
    ['js, mistyped', /a\.md:5: Property 'toUpperCase' does not exist/],
    ['unresolved', /a\.md:4: .*no exported member 'Nothing'/],
    ['throwing', /a\.md:4: the program ended with 1[^]*broken/],
    ['rejecting', /a\.md:4: the program ended with 1[^]*nobody waits/],
    ['failing in jest', /a\.md:4: the program ended with 1[^]*Expected: 2/],
  ] as const)('that are %s fail', async (name, message) => {
    await expect(programs.run(block(name))).rejects.toThrow(message)
  })

  test('that do not end fail', async () => {
    await expect(programs.run(block('endless'), 500)).rejects.toThrow(/did not end within 500 ms/)
  })
})

describe('commands', () => {
  test('are read without comments, and joined over lines', () => {
    expect(commandsOf('# first\nnpm ci && npm test # all\nnpm run demo \\\n  -- --once\n')).toEqual([
      'npm ci',
      'npm test',
      'npm run demo    -- --once',
    ])
  })

  test.each([
    'npm test',
    'npm run demo -- --once',
    'npm install server-events ioredis@5',
    'npx jest packages/core',
    'npm run example express-bullmq',
  ])('%s is right', (command) => {
    expect(wrongWith(command)).toBeUndefined()
  })

  test.each([
    ['npm run nothing', 'there is no npm script nothing'],
    ['npm install server-evnts', 'unknown package server-evnts'],
    ['npm publish', 'npm publish is not a command'],
    ['npm run example nothing', 'there is no example nothing'],
    ['npx nothing', 'there is no program nothing'],
    ['npx jest packages/nothing', 'packages/nothing does not exist'],
    ['node scripts/nothing.mjs', 'there is no scripts/nothing.mjs'],
    ['curl example.org', 'curl is not a command'],
    ['REDIS_URL=redis://localhost npm run nothing', 'there is no npm script nothing'],
  ])('%s is wrong', (command, why) => {
    expect(wrongWith(command)).toContain(why)
  })

  test('that are cheap are known', () => {
    expect(cheapScriptOf('npm run types')).toBe('types')
    expect(cheapScriptOf('npm run demo')).toBeUndefined()
  })
})

describe('links', () => {
  test('to files and headings that exist are fine', () => {
    const markdown =
      '# One, two!\n[a](#one-two) [b](LICENSE) [c](docs) [d](https://example.org/x)\n```ts\na[0](nothing)\n```\n'
    expect(brokenLinks('CONTRIBUTING.md', markdown)).toEqual([])
  })

  test('to nothing are found', () => {
    expect(brokenLinks('README.md', '[a](docs/nothing.md) [b](README.md#nothing)')).toEqual([
      'docs/nothing.md',
      'README.md#nothing',
    ])
  })
})
