import { spawn } from 'node:child_process'
import { createServer } from 'node:http'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { eventually, runNode, startRedis } from '@server-events/testing'
import { listenOn } from '../src/http'
import { runOnce } from '../src/once'
import { isRunning, pidsOf } from './processes'

const main = join(__dirname, '../dist/main.js')

test.each([
  ['on a Redis of its own', [], /^Redis of its own at 127\.0\.0\.1:\d+$/, 3],
  ['in one process', ['--memory'], /^in memory, one process for all$/, 1],
])('all three come out right %s, and nothing is left running', async (_where, args, store, processes) => {
  const demo = await runNode(main, { args: ['--once', ...args], env: { REDIS_URL: '' } })
  expect([await demo.exited, demo.stderr]).toEqual([0, ''])
  const text = demo.lines.join('\n')
  expect(await demo.line(store)).toBeDefined()
  expect(text).toMatch(/200 from API server A after \d+ ms: 78,498 primes/)
  expect(text).toMatch(/422 from API server B after \d+ ms: RangeError \(ERR_OUT_OF_RANGE\): The limit must be/)
  expect(text).toMatch(/504 from API server A after 3\d\d\d ms: TimeoutError \(ERR_TIMEOUT\): The worker did not/)
  expect(demo.lines.at(-1)).toBe('All three came out right.')
  const pids = pidsOf(demo)
  expect(new Set(pids).size).toBe(processes)
  expect(pids.filter(isRunning)).toEqual([])
})

test('where no Redis can be had it says so, and goes on in one process', async () => {
  const demo = await runNode(main, { args: ['--once'], env: { REDIS_URL: '', REDIS_SERVER: '/nowhere' } })
  expect(await demo.exited).toBe(0)
  expect(demo.stderr).toContain('REDIS_SERVER is /nowhere, which is not an executable file')
  expect(demo.stderr).toContain('The demo goes on without Redis, in one process.')
  await demo.line('in memory, one process for all')
})

/** On a terminal, on a machine without Redis; `script` of util-linux is the terminal. Types the answer when it is asked. */
function onTerminal(answer: string): Promise<string> {
  const command = `/usr/bin/env PATH=/nowhere REDIS_SERVER= REDIS_URL= ${process.execPath} ${main} --once`
  const terminal = spawn('script', ['-qec', command, '/dev/null'])
  terminal.stdout.on('data', (chunk: Buffer) => {
    if (chunk.toString().includes('[y/N]')) terminal.stdin.write(answer)
  })
  return text(terminal.stdout)
}

test('asks at a terminal before it installs a Redis, and goes on in one process if it may not', async () => {
  const said = await onTerminal('n\n')
  expect(said).toMatch(/There is no Redis on this machine\. Get one \(.*\)\? \[y\/N\]/)
  expect(said).toContain('The demo goes on without Redis, in one process.')
  expect(said).toContain('in memory, one process for all')
  expect(said).toContain('All three came out right.')
})

test('Ctrl-C ends the question, and the demo', async () => {
  expect(await onTerminal('\x03')).not.toContain('in memory')
})

test('takes the Redis of REDIS_URL, tells no password, and leaves it running', async () => {
  const redis = await startRedis({ args: ['--requirepass', 'hunter2'] })
  const url = redis.url.replace('//', '//:hunter2@')
  const demo = await runNode(main, { args: ['--once'], env: { REDIS_URL: url } })
  expect([await demo.exited, demo.stderr]).toEqual([0, ''])
  await demo.line(`Redis at 127.0.0.1:${redis.port}`)
  expect(demo.lines.join('\n')).not.toContain('hunter2')
  expect(isRunning(redis.pid)).toBe(true)
  await redis.stop()
})

test('a Redis that refuses the password ends it with an error and no process', async () => {
  const redis = await startRedis({ args: ['--requirepass', 'hunter2'] })
  const demo = await runNode(main, { args: ['--once'], env: { REDIS_URL: redis.url.replace('//', '//:wrong@') } })
  expect(await demo.exited).toBe(1)
  expect(demo.stderr).toMatch(/worker: .*(password|credentials)/i)
  expect(demo.stderr).not.toMatch(/wrong@|hunter2/)
  await redis.stop()
})

test('Ctrl-C answers what is being waited for, then stops everything', async () => {
  const demo = await runNode(main, { env: { REDIS_URL: '', PORT: '0' } })
  await demo.line('Open http')
  // Past the page's server, which would wait for its own requests.
  const [port] = /\d+$/.exec(await demo.line('API server A')) ?? []
  const ask = (below: number) =>
    fetch(`http://127.0.0.1:${port}/api/jobs`, { method: 'POST', body: JSON.stringify({ below }) })
  const slow = ask(300_000_000)
  await ask(10)
  // A terminal signals every process.
  for (const pid of pidsOf(demo)) process.kill(pid, 'SIGINT')
  demo.signal('SIGINT')
  const answer = await slow
  expect([answer.status, await answer.json()]).toMatchObject([200, { report: { primes: 16_252_325 } }])
  expect(await demo.exited).toBe(130)
  expect(pidsOf(demo).filter(isRunning)).toEqual([])
})

test('nothing outlives a parent that is killed', async () => {
  const demo = await runNode(main, { env: { REDIS_URL: '', PORT: '0' } })
  await demo.line('Open http')
  const pids = pidsOf(demo)
  expect(pids.filter(isRunning)).toHaveLength(3)
  await demo.kill()
  await eventually(() => !pids.some(isRunning))
})

test('a server that answers wrongly is told, and is not success', async () => {
  const wrong = { server: 'A', took: 1, report: { primes: 78_499, computed: 1 } }
  const server = createServer((_request, response) => response.end(JSON.stringify(wrong)))
  const said: string[] = []
  const right = await runOnce(`http://127.0.0.1:${await listenOn(server, 0)}/`, (line) => said.push(line))
  server.close()
  server.closeAllConnections()
  expect(right).toBe(false)
  expect(said.filter((line) => line.includes('WRONG'))).toEqual([
    '  WRONG: it should be 200, with 78,498 primes',
    '  WRONG: it should be 422, with the RangeError of the worker',
    '  WRONG: it should be 504, with a TimeoutError',
    'WRONG: two API servers should have answered, not only A',
  ])
})
