import { join } from 'node:path'
import { runTogether } from '@server-events/testing'
import { Client } from 'pg'
import { migration } from './contract'

/** Where your other migrations are, before the first process starts. */
async function migrate(url: string): Promise<void> {
  const client = new Client(url)
  await client.connect()
  await client.query(migration)
  await client.end()
}

async function main(): Promise<void> {
  const say = (line: string): void => console.log(line)
  const worker = { file: join(__dirname, 'worker.js'), ready: 'ready' }
  const { processes } = await runTogether(
    [
      // The API last: it is stopped first, while there are workers to answer what it waits for.
      { name: 'worker 1', ...worker },
      { name: 'worker 2', ...worker },
      { name: 'api', file: join(__dirname, 'api.js'), ready: 'listening' },
    ],
    say,
    { server: 'POSTGRES_URL', prepare: migrate },
  )
  const address = /http:\S+/.exec(processes.at(-1)?.lines[0] ?? '')?.[0] ?? ''
  const post = `curl -i -H 'content-type: application/json' ${address}/invoices -d`
  say(`
An invoice:
  ${post} '{"cents":1000}'
Two attempts fail, the third one works:
  ${post} '{"cents":1000,"closed":2}'
The row is refused, so nobody hears that there is an invoice:
  ${post} '{"cents":2000000}'
It takes longer than a request is held:
  ${post} '{"cents":1000,"slow":8000}'
The outcome, later:
  curl -i ${address}/invoices/<id>

Ctrl-C stops everything.`)
}

main().catch((error: unknown) => {
  console.error((error as Error).message)
  process.exitCode = 1
})
