import { execFileSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { eventually, runNode, startRedis } from '../src'
import type { RedisServer } from '../src'

const built = join(__dirname, '../dist/index.js')
const servers: RedisServer[] = []

async function start(...args: Parameters<typeof startRedis>): Promise<RedisServer> {
  const redis = await startRedis(...args)
  servers.push(redis)
  return redis
}

afterEach(async () => {
  await Promise.all(servers.splice(0).map((redis) => redis.stop()))
})

/** Sends inline commands and resolves with what came by the time the server closed; QUIT makes it do so. */
function ask(port: number, ...commands: string[]): Promise<string> {
  return new Promise((resolve, reject) => {
    let answer = ''
    const socket = connect(port, '127.0.0.1', () => socket.write([...commands, 'QUIT'].join('\r\n') + '\r\n'))
    socket.on('data', (chunk) => (answer += chunk.toString()))
    socket.on('error', reject)
    socket.on('close', () => resolve(answer))
  })
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return !execFileSync('ps', ['-o', 'stat=', '-p', String(pid)])
      .toString()
      .startsWith('Z')
  } catch {
    return false
  }
}

test('starts servers of their own on free ports, which persist nothing, and leaves nothing behind', async () => {
  const [one, two] = await Promise.all([start(), start()])
  expect(one.port).not.toBe(two.port)
  expect([one.port, two.port]).not.toContain(6379)
  expect(await ask(one.port, 'SET a 1', 'GET a')).toBe('+OK\r\n$1\r\n1\r\n+OK\r\n')
  expect(await ask(two.port, 'GET a')).toBe('$-1\r\n+OK\r\n')
  expect(await ask(one.port, 'CONFIG GET save')).toBe('*2\r\n$4\r\nsave\r\n$0\r\n\r\n+OK\r\n')
  await one.stop()
  await one.stop()
  expect(isRunning(one.pid)).toBe(false)
  expect(existsSync(one.directory)).toBe(false)
})

test('takes arguments that win over its own', async () => {
  const redis = await start({ args: ['--requirepass', 'secret', '--appendonly', 'yes'] })
  expect(await ask(redis.port, 'PING')).toContain('-NOAUTH')
  expect(await ask(redis.port, 'AUTH secret', 'SET a 1')).toBe('+OK\r\n+OK\r\n+OK\r\n')
  await redis.kill()
  await redis.restart()
  // Who may not ask yet is not told that it is still loading.
  await eventually(async () => (await ask(redis.port, 'AUTH secret', 'GET a')).includes('1\r\n'))
})

test('a killed server refuses, and comes back on its port', async () => {
  const redis = await start()
  const { pid } = redis
  await redis.kill()
  await expect(ask(redis.port, 'PING')).rejects.toThrow('ECONNREFUSED')
  await redis.restart()
  expect(redis.pid).not.toBe(pid)
  expect(await ask(redis.port, 'PING')).toContain('+PONG')
})

test('a paused server accepts and says nothing until it resumes, and can be stopped meanwhile', async () => {
  const redis = await start()
  redis.pause()
  let answered = false
  const answer = ask(redis.port, 'PING').finally(() => (answered = true))
  await eventually(() =>
    execFileSync('ps', ['-o', 'stat=', '-p', String(redis.pid)])
      .toString()
      .startsWith('T'),
  )
  expect(answered).toBe(false)
  redis.resume()
  expect(await answer).toContain('+PONG')
  redis.pause()
  await redis.stop()
  expect(isRunning(redis.pid)).toBe(false)
})

test('a port that is taken is an error when it was asked for, with what the server said', async () => {
  const { port } = await start()
  await expect(startRedis({ port })).rejects.toThrow(/did not start.*exited with 1[^]*already in use/)
})

test('does not outlive the process that started it, even when that is killed and the server stopped', async () => {
  const script = `
    const { startRedis } = require(process.argv[1])
    startRedis().then((redis) => {
      redis.pause()
      console.log('pid ' + redis.pid)
      setInterval(() => {}, 1000)
    })`
  const parent = await runNode(built, { execArgv: ['-e', script] })
  const pid = Number((await parent.line('pid ')).slice(4))
  expect(isRunning(pid)).toBe(true)
  await parent.kill()
  await eventually(() => !isRunning(pid))
})

test('does not keep the process that started it alive', async () => {
  const script = `require(process.argv[1]).startRedis().then((redis) => console.log('pid ' + redis.pid))`
  const parent = await runNode(built, { execArgv: ['-e', script] })
  expect(await parent.exited).toBe(0)
  const pid = Number((await parent.line('pid ')).slice(4))
  await eventually(() => !isRunning(pid))
})

describe('finding a server', () => {
  const script = `
    require(process.argv[1]).startRedis().then(
      (redis) => redis.stop().then(() => console.log('started')),
      (error) => console.log(error.message))`

  async function startWith(env: NodeJS.ProcessEnv): Promise<string> {
    const child = await runNode(built, { execArgv: ['-e', script], env })
    await child.exited
    return child.lines.join('\n')
  }

  test('REDIS_SERVER is the one, or an error', async () => {
    const path = execFileSync('sh', ['-c', 'command -v redis-server || command -v valkey-server']).toString().trim()
    expect(await startWith({ REDIS_SERVER: path })).toBe('started')
    expect(await startWith({ REDIS_SERVER: '/nowhere/redis-server' })).toBe(
      'REDIS_SERVER is /nowhere/redis-server, which is not an executable file',
    )
  })

  test('without one on PATH and without apt-get it is built, and where that fails it says what to install', async () => {
    // A directory that cannot be made stands for a machine on which nothing can be downloaded.
    const env = { PATH: '/nowhere', REDIS_SERVER: '', REDISMS_DOWNLOAD_DIR: '/dev/null/none', TMPDIR: tmpdir() }
    expect(await startWith(env)).toMatch(/^no Redis server: install redis-server or valkey-server .*REDIS_SERVER/)
  })
})
