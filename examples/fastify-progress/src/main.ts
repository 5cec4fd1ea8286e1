import { join } from 'node:path'
import { runTogether } from '@server-events/testing'

async function main(): Promise<void> {
  const say = (line: string): void => console.log(line)
  const { processes } = await runTogether(
    [
      { name: 'worker', file: join(__dirname, 'worker.js'), ready: 'ready' },
      { name: 'api', file: join(__dirname, 'api.js'), ready: 'listening' },
    ],
    say,
  )
  const address = /http:\S+/.exec(processes.at(-1)?.lines[0] ?? '')?.[0] ?? ''
  say(`\nOpen ${address}/ (Ctrl-C stops everything)`)
}

main().catch((error: unknown) => {
  console.error((error as Error).message)
  process.exitCode = 1
})
