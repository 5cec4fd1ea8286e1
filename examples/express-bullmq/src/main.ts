import { join } from 'node:path'
import { runTogether } from '@server-events/testing'

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
  )
  const address = /http:\S+/.exec(processes.at(-1)?.lines[0] ?? '')?.[0] ?? ''
  const post = `curl -i -H 'content-type: application/json' ${address}/invoices -d`
  const lines = '"lines":[{"what":"tea","cents":250,"count":4}]'
  say(`
An invoice:
  ${post} '{${lines}}'
Two attempts fail, the third one works:
  ${post} '{${lines},"closed":2}'
All attempts fail:
  ${post} '{${lines},"closed":3}'
It takes longer than a request is held:
  ${post} '{${lines},"slow":8000}'
Not held at all:
  ${post} '{${lines}}' -H 'prefer: respond-async'
The outcome, later:
  curl -i ${address}/invoices/<id>
A failed one once more:
  curl -i -X POST ${address}/invoices/<id>/retry

Ctrl-C stops everything.`)
}

main().catch((error: unknown) => {
  console.error((error as Error).message)
  process.exitCode = 1
})
