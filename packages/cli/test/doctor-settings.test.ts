// Each server is set up to have what the doctor is to find.
import { mkdtemp, readdir, rm, symlink } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { eventually, startProxy, startRedis } from '@server-events/testing'
import type { RedisServer } from '@server-events/testing'
import { Redis } from 'ioredis'
import { runDoctor } from './run-cli'

const running: RedisServer[] = []

async function serverWith(...args: string[]): Promise<RedisServer> {
  const server = await startRedis({ args: ['--appendonly', 'yes', ...args] })
  running.push(server)
  return server
}

afterEach(() => Promise.all(running.splice(0).map((server) => server.stop())))

test('a server as it should be: nothing is wrong, exit 0', async () => {
  const { url } = await serverWith()
  const { code, status, wrong, of } = await runDoctor(url)
  expect([code, status, wrong]).toEqual([0, 'ok', []])
  expect(of('server')?.found).toMatch(/^(Redis|Valkey) \d+\.\d+\.\d+, standalone$/)
  expect(of('role')?.found).toBe('master, 0 replicas')
  for (const side of ['publishing', 'subscribing', 'an event'])
    expect(of(`latency of ${side}`)?.found).toMatch(/^p50 \d+\.\d\d ms, p99 \d+\.\d\d ms, of \d+$/)
})

test('it leaves nothing behind, and nobody hears of it', async () => {
  const { url } = await serverWith()
  const redis = new Redis(url)
  const heard: string[] = []
  redis.on('pmessage', (_: string, channel: string, payload: string) => heard.push(`${channel} ${payload}`))
  await redis.psubscribe('*')
  await runDoctor(url, ['--name', 'report'])
  await redis.punsubscribe('*')
  // Empty frames, in which no event is.
  expect(new Set(heard)).toEqual(new Set(['se:report: se2']))
  expect(await redis.dbsize()).toBe(0)
  redis.disconnect()
})

test.each([
  [['--maxmemory-policy', 'allkeys-lru'], 'warn eviction', 'allkeys-lru, for now without a limit'],
  [['--maxmemory-policy', 'allkeys-lru', '--maxmemory', '100mb'], 'bad eviction', 'allkeys-lru with a limit of 100 MB'],
  [['--maxmemory-policy', 'volatile-ttl', '--maxmemory', '100mb'], 'bad eviction', 'volatile-ttl with a limit'],
  [['--timeout', '10'], 'warn timeout', '10 s: connections that publish are cut'],
  [['--tcp-keepalive', '0'], 'warn tcp-keepalive', 'off: the server keeps'],
  [['--tcp-keepalive', '3600'], 'warn tcp-keepalive', '3600 s: the server keeps'],
  [
    ['--client-output-buffer-limit', 'pubsub 1mb 512kb 60'],
    'bad output buffer',
    'one event of maxPayload (1.0 MB) cuts',
  ],
  [['--client-output-buffer-limit', 'pubsub 4mb 2mb 60'], 'warn output buffer', 'a few events of maxPayload'],
  [['--client-output-buffer-limit', 'pubsub 0 1mb 60'], 'warn output buffer', 'without a limit, 1.0 MB for 60 s'],
  [['--appendonly', 'no'], 'warn persistence', 'none: a restart forgets all kept outcomes'],
  [['--appendonly', 'no', '--save', '3600 1'], 'warn persistence', 'snapshots (3600 1): a crash forgets'],
])('%j: %s', async (args, expected, found) => {
  const { url } = await serverWith(...args)
  const { code, wrong, findings } = await runDoctor(url)
  expect([code, wrong]).toEqual([expected.startsWith('bad') ? 1 : 0, [expected]])
  expect(findings.find(({ status }) => status !== 'ok')?.found).toContain(found)
  for (const { status, fix, docs } of findings)
    expect([status === 'ok', typeof fix, typeof docs]).toEqual(
      status === 'ok' ? [true, 'undefined', 'undefined'] : [false, 'string', 'string'],
    )
})

test.each([
  ['always', 'nothing'],
  ['everysec', 'up to a second'],
  ['no', 'what the machine had not written yet'],
])('appendfsync %s: what a crash forgets', async (how, forgets) => {
  const { url } = await serverWith('--appendfsync', how)
  expect((await runDoctor(url)).of('persistence')).toMatchObject({
    ...{ status: 'ok', found: `appendonly, appendfsync ${how}: a crash forgets ${forgets} of the kept outcomes` },
  })
})

test('where no outcomes are kept, neither memory nor persistence matter', async () => {
  const { url } = await serverWith('--appendonly', 'no', '--maxmemory', '100mb', '--maxmemory-policy', 'allkeys-lru')
  expect((await runDoctor(url, ['--no-keep'])).wrong).toEqual([])
})

test('larger events need larger buffers', async () => {
  const { url } = await serverWith()
  expect((await runDoctor(url, ['--max-payload', '33554432'])).wrong).toEqual(['bad output buffer'])
})

test('a full server keeps nothing: both its memory and the refused SET are told', async () => {
  const { url } = await serverWith('--maxmemory', '900kb')
  const { of, code } = await runDoctor(url)
  expect(code).toBe(1)
  expect(of('memory')).toMatchObject({ status: 'bad', found: expect.stringContaining('OOM') as string })
  expect(of('permission set of server-events-doctor')?.found).toContain('SET is refused (OOM)')
})

test('a server that is nearly full', async () => {
  const { url } = await serverWith()
  const filling = new Redis(url)
  await filling.set('large', 'x'.repeat(30_000_000))
  await filling.quit()
  // On another connection: that one had buffers.
  const redis = new Redis(url)
  const used = Number(/used_memory:(\d+)/.exec(await redis.info('memory'))?.[1])
  await redis.config('SET', 'maxmemory', String(Math.round(1.05 * used)))
  redis.disconnect()
  expect((await runDoctor(url)).wrong).toEqual(['warn memory'])
})

test('a machine that is nearly full, and no limit', async () => {
  const proxy = await startProxy(await serverWith())
  // As many digits: else the reply could not be read.
  proxy.filter = (direction, chunk) =>
    direction === 'up'
      ? chunk
      : Buffer.from(
          chunk
            .toString('latin1')
            .replace(/(?<=total_system_memory:)\d+/, ({ length }) => '1000000'.padStart(length, '0')),
          'latin1',
        )
  const { wrong, of } = await runDoctor(proxy.url)
  await proxy.close()
  expect([wrong, of('memory')?.found]).toEqual([
    ['warn memory'],
    expect.stringMatching(/used of no limit, on a machine of 977 kB$/),
  ])
})

test.each([
  [120, 'warn'],
  [1_100, 'bad'],
])('%i distinct patterns: %s', async (count, status) => {
  const { url } = await serverWith()
  const redis = new Redis(url)
  await redis.psubscribe(...Array.from({ length: count }, (_, n) => `se:name-${n}:*`))
  const { of } = await runDoctor(url)
  expect(of('patterns')).toMatchObject({ status, found: expect.stringContaining(`${count} distinct`) as string })
  redis.disconnect()
})

test('a disk that cannot be written to', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'server-events-cli-'))
  const { url } = await serverWith('--appendonly', 'no', '--save', '3600 1', '--dir', folder)
  await rm(folder, { recursive: true })
  const redis = new Redis(url)
  await redis.bgsave()
  await eventually(async () => (await redis.info('persistence')).includes('rdb_last_bgsave_status:err'))
  const { of, code } = await runDoctor(url)
  expect([of('persistence')?.status, code]).toEqual(['bad', 1])
  redis.disconnect()
})

test('an append-only file that cannot be written to', async () => {
  const server = await serverWith()
  await server.kill()
  const folder = join(server.directory, 'appendonlydir')
  const file = join(folder, (await readdir(folder)).find((name) => name.endsWith('.incr.aof')) ?? '')
  await rm(file)
  await symlink('/dev/full', file)
  await server.restart()
  const redis = new Redis(server.url)
  await redis.set('any', 'thing')
  await eventually(async () => (await redis.info('persistence')).includes('aof_last_write_status:err'))
  const { code, wrong } = await runDoctor(server.url)
  const refused = ['bad permission set', 'warn permission del'].map((it) => `${it} of server-events-doctor`)
  expect([code, wrong]).toEqual([1, [...refused, 'bad persistence']])
  redis.disconnect()
})

test('few connections are left', async () => {
  const { url } = await serverWith('--maxclients', '12')
  const others = Array.from({ length: 8 }, () => new Redis(url))
  await Promise.all(others.map((redis) => redis.ping()))
  expect((await runDoctor(url)).wrong).toEqual(['warn maxclients'])
  for (const redis of others) redis.disconnect()
})
