import { join } from 'node:path'
import { runNode } from '@server-events/testing'

const main = join(__dirname, '../dist/main.js')

test('what it tells to try works as it says, and Ctrl-C answers what is held and leaves nothing', async () => {
  const example = await runNode(main, { env: { REDIS_URL: '', PORT: '0', PATIENCE: '2500' } })
  try {
    await example.line('Ctrl-C stops everything.')
    const commands = example.lines.filter((line) => line.startsWith('  curl'))
    const posts = commands.filter((line) => line.includes('/invoices -d')).map(parsed)
    expect(commands).toHaveLength(7)
    const answers = await Promise.all(posts.map(send))
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 502, 504, 202])
    const [url = ''] = posts.map((post) => post.url)
    const ids = await Promise.all(answers.map(async (answer) => ((await answer.json()) as { id: string }).id))
    expect((await fetch(`${url}/${ids[4] ?? ''}`)).status).toBe(200)
    expect((await fetch(`${url}/${ids[2] ?? ''}/retry`, { method: 'POST' })).status).toBe(200)

    const held = send({ ...posts[0]!, body: JSON.stringify({ ...JSON.parse(posts[0]!.body), slow: 500, closed: 1 }) })
    await example.line(new RegExp(`(?<!${ids.join('|')}): attempt 1 of 3`))
    example.signal('SIGINT')
    expect((await held).status).toBe(200)
    expect([await example.exited, example.stderr]).toEqual([130, ''])
  } finally {
    await example.kill()
  }
})

test('what cannot start is told, and ends it', async () => {
  const example = await runNode(main, { env: { REDIS_URL: '', PORT: '-1' } })
  expect(await example.exited).toBe(1)
  expect(example.stderr).toContain('no line listening')
})

interface Post {
  readonly url: string
  readonly body: string
  readonly headers: Record<string, string>
}

/** As curl would. */
function parsed(command: string): Post {
  const headers = [...command.matchAll(/-H '([^:]+): ([^']+)'/g)].map(([, name = '', value = '']) => [name, value])
  const url = /http:\S+/.exec(command)?.[0] ?? ''
  return { url, body: /-d '([^']+)'/.exec(command)?.[1] ?? '', headers: Object.fromEntries(headers) }
}

const send = ({ url, body, headers }: Post): Promise<Response> => fetch(url, { method: 'POST', body, headers })
