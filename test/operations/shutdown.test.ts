// The server of docs/operations.md as a process of its own, stopped as a platform stops it.
import { Agent, get as httpGet } from 'node:http'
import { join } from 'node:path'
import { RedisTransport } from '@server-events/redis'
import { eventually, runNode, startRedis, type NodeProcess, type RedisServer } from '@server-events/testing'
import { ServerEvents } from 'server-events'
import { root } from '../docs/files'
import { Programs } from '../docs/programs'
import { blockWith } from './page'

const rest = '// What follows plays the platform'
const page = blockWith(rest)
const listening = "await once(server, 'listening')\n"
const tell = 'console.log(JSON.stringify(server.address()))\n'
const program = { ...page, code: page.code.slice(0, page.code.indexOf(rest)).replace(listening, listening + tell) }
/** Its control: the same server without a drain. */
const hasty = { ...program, code: program.code.replace('{ drain: 10_000 }', '') }
/** So that a test need not wait long. */
const impatient = { ...program, code: program.code.replace('timeout: 8_000', 'timeout: 1_500') }

let redis: RedisServer
let programs: Programs
let worker: ServerEvents
const running: NodeProcess[] = []

beforeAll(async () => {
  redis = await startRedis()
  programs = new Programs([program, hasty, impatient], redis)
  worker = new ServerEvents(new RedisTransport(redis.url))
  worker.onerror(() => undefined)
  await worker.init()
})

afterEach(async () => {
  await Promise.all(running.splice(0).map((server) => server.kill()))
})

afterAll(async () => {
  await worker.close()
  programs.remove()
  await redis.stop()
})

interface Running {
  readonly server: NodeProcess
  readonly port: number
}

/** Resolves when it listens, be it connected or not. */
async function run(block = program): Promise<Running> {
  const preload = join(root, 'test/integration/support/ioredis-major.cjs')
  const execArgv = process.env['IOREDIS'] === '6' ? ['--require', preload] : []
  const server = await runNode(programs.fileOf(block), { execArgv })
  running.push(server)
  const { port } = JSON.parse(await server.line('"port"')) as { port: number }
  return { server, port }
}

async function runReady(block = program): Promise<Running> {
  const { server, port } = await run(block)
  await eventually(async () => (await get(port, '/ready')) === '200')
  return { server, port }
}

/** Status and body, or the code of the error of the connection. */
function get(port: number, path: string, agent?: Agent): Promise<string> {
  return new Promise((resolve) => {
    const options = { host: '127.0.0.1', port, path, agent: agent ?? false }
    httpGet(options, (response) => {
      let text = ''
      response.setEncoding('utf8').on('data', (chunk: string) => (text += chunk))
      response.on('end', () => resolve(`${response.statusCode} ${text}`.trim()))
    }).on('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message))
  })
}

/** Resolves when so many waits have reached the server. */
async function requestsArrived(port: number, ids: readonly number[]): Promise<Promise<string>[]> {
  const requests = ids.map((id) => get(port, `/report/${id}`))
  // On another connection, answered after they were read.
  await get(port, '/live')
  await get(port, '/live')
  return requests
}

test('SIGTERM: pending requests are answered, the last ones after it takes no more connections; it exits with 0', async () => {
  const { server, port } = await runReady()
  const requests = await requestsArrived(port, [1, 2, 3, 4, 5])
  server.signal('SIGTERM')
  // It says that it is not ready, and goes on serving.
  await eventually(async () => (await get(port, '/ready')) === '503')
  expect(await get(port, '/live')).toBe('200')
  const late = get(port, '/report/6')
  await worker.emit('report', 1, 'first')
  expect(await requests[0]).toBe('200 first')
  await eventually(async () => (await get(port, '/live')) === 'ECONNREFUSED')
  for (const id of [2, 3, 4, 5, 6]) await worker.emit('report', id, `answer ${id}`)
  expect(await Promise.all([...requests.slice(1), late])).toEqual([2, 3, 4, 5, 6].map((id) => `200 answer ${id}`))
  expect(await server.exited).toBe(0)
  expect(server.stderr).toBe('')
})

test('with nothing pending it exits as soon as it has been noticed', async () => {
  const { server } = await runReady()
  const start = performance.now()
  server.signal('SIGTERM')
  expect(await server.exited).toBe(0)
  // The drain alone would be 10 s.
  expect(performance.now() - start).toBeLessThan(8_000)
})

test('a client that keeps its connection alive does not keep the server', async () => {
  const { server, port } = await runReady()
  const agent = new Agent({ keepAlive: true })
  expect(await get(port, '/live', agent)).toBe('200')
  const start = performance.now()
  server.signal('SIGTERM')
  expect(await server.exited).toBe(0)
  expect(performance.now() - start).toBeLessThan(8_000)
  agent.destroy()
})

test('what nobody answers ends at its own timeout, within the drain', async () => {
  const { server, port } = await runReady(impatient)
  const [request] = await requestsArrived(port, [1])
  server.signal('SIGTERM')
  expect(await request).toBe('504 the worker did not answer')
  expect(await server.exited).toBe(0)
})

test('it is live and not ready until both sides are connected', async () => {
  redis.pause()
  const { port } = await run()
  try {
    expect([await get(port, '/live'), await get(port, '/ready')]).toEqual(['200', '503'])
  } finally {
    redis.resume()
  }
  await eventually(async () => (await get(port, '/ready')) === '200')
})

test('it is not ready while Redis is away, and live', async () => {
  const { server, port } = await runReady()
  await redis.kill()
  await eventually(async () => (await get(port, '/ready')) === '503')
  expect(await get(port, '/live')).toBe('200')
  await redis.restart()
  await eventually(async () => (await get(port, '/ready')) === '200')
  server.signal('SIGTERM')
  expect(await server.exited).toBe(0)
})

test('SIGTERM before it is connected ends it with 0', async () => {
  redis.pause()
  try {
    const { server } = await run()
    server.signal('SIGTERM')
    expect(await server.exited).toBe(0)
  } finally {
    redis.resume()
  }
})

test('control: without a drain, pending requests are cut off', async () => {
  const { server, port } = await runReady(hasty)
  const [request] = await requestsArrived(port, [1])
  server.signal('SIGTERM')
  expect(await request).toBe('503 this server is stopping')
  expect(await server.exited).toBe(0)
})
