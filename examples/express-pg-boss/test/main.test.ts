import { join } from 'node:path'
import { runNode } from '@server-events/testing'

const main = join(__dirname, '../dist/main.js')

test('what it tells to try works as it says, and Ctrl-C answers what is held and leaves nothing', async () => {
  const example = await runNode(main, { env: { POSTGRES_URL: '', PORT: '0', PATIENCE: '7000' } })
  try {
    await example.line('Ctrl-C stops everything.', 60_000)
    const posts = example.lines.filter((line) => line.includes('/invoices -d'))
    const answers = await Promise.all(posts.map(send))
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 502, 504])
    const ids = await Promise.all(answers.map(async (answer) => ((await answer.json()) as { id: string }).id))
    const [url = ''] = /http:\S+/.exec(posts[0] ?? '') ?? []
    expect((await fetch(`${url}/${ids[0]}`)).status).toBe(200)

    const held = send(posts[1] ?? '')
    // Of this one, and of none before.
    await example.line(new RegExp(`(?<!${ids.join('|')}): attempt 1 failed`))
    example.signal('SIGINT')
    expect((await held).status).toBe(200)
    expect(await example.exited).toBe(130)
  } finally {
    await example.kill()
  }
})

/** As curl would. */
function send(command: string): Promise<Response> {
  const [url = ''] = /http:\S+/.exec(command) ?? []
  const body = /-d '([^']+)'/.exec(command)?.[1] ?? ''
  return fetch(url, { method: 'POST', body, headers: { 'content-type': 'application/json' } })
}
