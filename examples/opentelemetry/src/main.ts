import { join } from 'node:path'
import { runTogether } from '@server-events/testing'
import { tables, traces } from './report'
import type { Report } from './report'

async function main(): Promise<void> {
  const say = (line: string): void => console.log(line)
  const together = await runTogether(
    [
      { name: 'worker', file: join(__dirname, 'worker.js'), ready: 'ready' },
      { name: 'api', file: join(__dirname, 'api.js'), ready: 'listening' },
    ],
    (line) => {
      // The reports are for us.
      if (!line.endsWith('}')) say(line)
    },
  )
  const { processes } = together
  const url = /http:\S+/.exec(processes.at(-1)?.lines[0] ?? '')?.[0] ?? ''
  for (const [id, pages] of [
    ['short', 3],
    ['endless', 10_000],
    ['lost', 0],
  ] as const) {
    const response = await fetch(`${url}/reports/${id}?pages=${pages}`, { method: 'POST' })
    say(`${id}: ${response.status} ${await response.text()}`)
  }
  await together.stop()

  const reports = processes.map(({ lines }) => JSON.parse(lines.at(-1) ?? '') as Report)
  say(['', ...traces(reports.flatMap(({ spans }) => spans))].join('\n'))
  say(tables(reports.flatMap(({ metrics }) => metrics)).join('\n'))
  if (process.env['REPORT']) say(JSON.stringify(reports))
}

main().catch((error: unknown) => {
  console.error((error as Error).message)
  process.exitCode = 1
})
