// Commands that look: tail, peek, forget, who, bench; as processes, on a real Redis.
import { RedisTransport } from '@server-events/redis'
import { eventually, startCluster, startProxy, startRedis } from '@server-events/testing'
import type { RedisServer } from '@server-events/testing'
import { Redis } from 'ioredis'
import { ServerEvents } from 'server-events'
import { runCli, runAtTerminal, runUnattended, startCli } from './run-cli'

let server: RedisServer
let events: ServerEvents
let env: NodeJS.ProcessEnv

beforeAll(async () => {
  server = await startRedis({ args: ['--requirepass', 'open-sesame'] })
  const url = server.url.replace('//', '//:open-sesame@')
  env = { SERVER_EVENTS_URL: url }
  events = new ServerEvents(new RedisTransport(url), { keep: { kept: 60_000, failed: 60_000 } })
  await events.init()
})

afterAll(async () => {
  await events.close()
  await server.stop()
})

/** Once it says so, nothing that is emitted can be missed. */
async function startTail(...args: string[]): ReturnType<typeof startCli> {
  const child = await startCli(['tail', ...args], { env })
  await eventually(() => child.stderr.includes('listening to'))
  return child
}

describe('tail', () => {
  test('name, id, kind, size, headers and how long it travelled; arguments only when asked for', async () => {
    const child = await startTail('report', 'failed', '--count', '3')
    await runCli(['emit', 'report', '1', '"se-cret"'], { env })
    await events.emit('report', 2, 'x'.repeat(98))
    await events.fail('failed', 3, new Error('se-cret'))
    expect(await child.exited).toBe(0)
    const time = String.raw`\d\d:\d\d:\d\d\.\d{3}`
    expect(child.lines).toEqual([
      expect.stringMatching(new RegExp(`^${time}  report  1  event  11 B  -?\\d+ ms  {"sent-at":"\\d+"}$`)),
      expect.stringMatching(new RegExp(`^${time}  report  2  event  102 B$`)),
      expect.stringMatching(new RegExp(`^${time}  failed  3  failure  \\d+ B  kept$`)),
    ])
    expect(child.lines.join()).not.toContain('se-cret')
  })

  test('--json, --args: a line for programs', async () => {
    const child = await startTail('report', '--json', '--args', '--count', '1')
    await events.emit('report', 4, { pages: 3 })
    await child.exited
    const { at, ...rest } = JSON.parse(child.lines.join('\n')) as { at: string }
    expect(rest).toEqual({ event: 'report', id: '4', kind: 'event', bytes: 13, kept: false, args: [{ pages: 3 }] })
    expect(Math.abs(Date.parse(at) - Date.now())).toBeLessThan(60_000)
  })

  test('a question of a worker is no event', async () => {
    const child = await startTail('report', '--count', '1')
    const wait = events.on('report', 6)
    const wanted = events.wanted('report', 6)
    await eventually(() => wanted.now === true)
    await events.emit('report', 6)
    await Promise.all([wait, child.exited])
    wanted.close()
    expect(child.lines).toEqual([expect.stringMatching(/  report  6  event  2 B$/)])
  })

  test('what others send cannot move the cursor', async () => {
    const child = await startTail('report', '--args', '--count', '1')
    await events.emit('report', '\u001b[2J\u009b1m', 1)
    await child.exited
    expect(child.lines.join('')).toContain(String.raw`\x1b[2J\x9b1m`)

    expect(child.lines.join('')).not.toMatch(/[\u0000-\u001f\u007f-\u009f]/)
  })

  test.each(['SIGINT', 'SIGTERM'] as const)('%s ends it well', async (signal) => {
    const child = await startTail('report')
    child.signal(signal)
    expect(await child.exited).toBe(0)
  })

  test('it tells of an interruption, and goes on', async () => {
    const child = await startTail('report', '--count', '1')
    const admin = new Redis(server.url, { password: 'open-sesame' })
    await admin.client('KILL', 'TYPE', 'pubsub')
    admin.disconnect()
    await eventually(() => child.stderr.split('listening to').length === 3)
    await events.emit('report', 5)
    expect([await child.exited, child.stderr]).toEqual([0, expect.stringContaining('interrupted')])
  })

  test.each([
    ['nobody there', 'redis://:says-me@127.0.0.1:9', 'ECONNREFUSED'],
    ['wrong password', '', 'refused the credentials'],
  ])('%s: 1', async (_, url, why) => {
    const where = url || server.url.replace('//', '//:says-me@')
    const { code, output } = await runCli(['tail', 'report', '--url', where])
    expect([code, output]).toEqual([1, expect.stringContaining(why)])
    expect(output).not.toContain('says-me')
  })
})

describe('peek and forget', () => {
  test('what is kept is shown, and gone once it is forgotten', async () => {
    await events.emit('kept', 1, { url: '/1.pdf' })
    expect(await runCli(['peek', 'kept', '1'], { env })).toMatchObject({ code: 0, stdout: '{"url":"/1.pdf"}' })
    const forgotten = await runCli(['forget', 'kept', '1', '--yes'], { env })
    expect([forgotten.code, forgotten.stdout]).toEqual([0, expect.stringContaining('forgotten')])
    expect(forgotten.output).not.toContain('sesame')
    const { code, stderr } = await runCli(['peek', 'kept', '1'], { env })
    expect([code, stderr]).toEqual([1, 'error nothing is kept of event "kept" with id "1"\n'])
    const json = await runCli(['peek', 'kept', '1', '--json'], { env })
    expect([json.code, JSON.parse(json.stdout)]).toEqual([1, { event: 'kept', id: '1', kept: false }])
  })

  test('a failure that is kept: 1', async () => {
    await events.fail('failed', 2, new RangeError('too much'))
    const { code, stderr } = await runCli(['peek', 'failed', '2'], { env })
    expect([code, stderr]).toEqual([1, 'error the outcome is a failure: RangeError: too much\n'])
  })

  test.each([
    ['y\n', 0],
    ['yes\n', 0],
    ['n\n', 1],
    ['\n', 1],
    // The end of the input, and Ctrl-C.
    ['\x04', 1],
    ['\x03', 1],
  ])('at a terminal it asks first: %j exits with %i', async (answer, code) => {
    await events.emit('kept', 3, 'there')
    expect(await runAtTerminal(['forget', 'kept', '3'], env, answer)).toEqual({
      code,
      shown: expect.stringContaining(code === 0 ? 'forgotten: what is kept' : 'nothing was forgotten') as string,
    })
    expect(await events.peek('kept', 3)).toEqual(code === 0 ? undefined : ['there'])
  })

  test('without a terminal it says at once what it wants, though its input stays open', async () => {
    await events.emit('kept', 4, 'there')
    const { code, shown } = await runUnattended(['forget', 'kept', '4'], env)
    expect([code, shown]).toEqual([2, expect.stringContaining('give --yes')])
    const json = await runUnattended(['forget', 'kept', '4', '--json'], env)
    expect([json.code, JSON.parse(json.shown)]).toMatchObject([2, { error: { code: 'ERR_INVALID_ARGUMENT' } }])
    expect(await events.peek('kept', 4)).toEqual(['there'])
  })
})

describe('who', () => {
  test('listeners by pattern and name, waits by id, and what is kept', async () => {
    const url = env['SERVER_EVENTS_URL'] ?? ''
    const open = [
      new ServerEvents(new RedisTransport(url), { listen: ['who:a'] }),
      new ServerEvents(new RedisTransport(url, { channels: 'name' }), { listen: ['who:a', 'b'] }),
      new ServerEvents(new RedisTransport(url, { channels: 'id' })),
    ]
    await Promise.all(open.map((each) => each.init()))
    await open[2]!.stream('b', 7).ready
    await open[2]!.stream('b', 8).ready
    for (const id of [1, 2, 3]) await events.emit('kept', `who ${id}`)
    const { code, stdout } = await runCli(['who', 'who:a', 'nobody', '--json'], { env })
    const table = await runCli(['who', 'who:a', 'nobody'], { env })
    await Promise.all(open.map((each) => each.close()))
    const { names, complete } = JSON.parse(stdout) as { names: { name: string; kept: number }[]; complete: boolean }
    expect([code, complete]).toEqual([0, true])
    // Of the tests before there may be more, and the name of answers until its subscription has ended.
    expect(names.filter(({ name }) => !['kept', 'failed', '_answers'].includes(name))).toEqual([
      { name: 'b', listening: 1, ids: 2, homes: {}, kept: 0 },
      { name: 'nobody', listening: 0, ids: 0, homes: {}, kept: 0 },
      { name: 'who:a', listening: 2, ids: 0, homes: {}, kept: 0 },
    ])
    expect(names.find(({ name }) => name === 'kept')?.kept).toBeGreaterThanOrEqual(3)
    expect(table.stdout).toMatch(/│ who:a +│ 2 +│ 0 +│ 0 +│/)
  })

  test('homes of instances', async () => {
    const redis = new Redis(server.url, { password: 'open-sesame' })
    await redis.subscribe('se:home:{abc}', 'se:home:{def}')
    const { stdout } = await runCli(['who', '--json'], { env })
    redis.disconnect()
    const { names } = JSON.parse(stdout) as { names: { name: string }[] }
    expect(names.find(({ name }) => name === 'home')).toMatchObject({ ids: 0, homes: { abc: 1, def: 1 } })
  })

  test('what it may not ask is told: else nothing would look like nobody', async () => {
    const redis = new Redis(server.url, { password: 'open-sesame' })
    await redis.call('ACL', 'SETUSER', 'someone', 'reset', 'on', '>open-sesame', 'allkeys', 'allchannels', '+@all', '-scan', '-pubsub') // prettier-ignore
    redis.disconnect()
    const url = server.url.replace('//', '//someone:open-sesame@')
    const { code, stdout } = await runCli(['who', 'report', '--json', '--url', url])
    const refused = ['PUBSUB CHANNELS (NOPERM)', 'SCAN (NOPERM)']
    expect([code, JSON.parse(stdout)]).toMatchObject([0, { complete: false, refused }])
    const table = await runCli(['who', 'report', '--url', url])
    expect(table.stdout).toContain(
      'counts are too low: this user may not ask for PUBSUB CHANNELS (NOPERM), SCAN (NOPERM)',
    )
  })

  test.each([
    ['nobody there', () => 'redis://:open-sesame@127.0.0.1:9', 'ERR_CONNECTION'],
    ['wrong password', () => server.url.replace('//', '//:says-me@'), 'ERR_AUTH'],
    ['no password', () => server.url, 'ERR_AUTH'],
  ])('%s: 1', async (_, url, code) => {
    const ended = await runCli(['who', '--json', '--url', url()])
    expect([ended.code, JSON.parse(ended.stdout)]).toMatchObject([1, { error: { code } }])
    expect(ended.output).not.toMatch(/sesame|says-me/)
  })

  test('where nobody is who waits it does not say that there is nobody', async () => {
    const replica = await startRedis({ args: ['--replicaof', '127.0.0.1', String(server.port)] })
    const ended = await runCli(['who', 'report', '--url', replica.url])
    await replica.stop()
    expect([ended.code, ended.stderr]).toEqual([1, expect.stringContaining('is a replica: ask its master')])
    const cluster = await runCli([
      'who',
      'report',
      '--url',
      env['SERVER_EVENTS_URL']!.replace('redis:', 'redis+cluster:'),
    ])
    expect([cluster.code, cluster.stderr]).toEqual([1, expect.stringContaining('is not a node of a Cluster')])
  })

  test('a server that falls silent meanwhile is told: else nothing would look like nobody', async () => {
    const proxy = await startProxy(server)
    proxy.filter = (direction, chunk) => {
      if (direction === 'up' && /CHANNELS/i.test(chunk.toString())) proxy.blackhole()
      return chunk
    }
    const url = proxy.url.replace('//', '//:open-sesame@')
    const { code, stdout } = await runCli(['who', 'report', '--json', '--url', url])
    await proxy.close()
    const error = { code: 'ERR_CONNECTION', message: expect.stringContaining('lost the connection') as string }
    expect([code, JSON.parse(stdout)]).toEqual([1, { error }])
  })

  test('it ends after so many keys, and says so', async () => {
    const redis = new Redis(server.url, { password: 'open-sesame' })
    await redis.mset(Array.from({ length: 3_000 }, (_, n) => [`other:${n}`, 'x']).flat())
    const { code, stdout } = await runCli(['who', '--max-keys', '1000'], { env })
    await redis.del(...Array.from({ length: 3_000 }, (_, n) => `other:${n}`))
    redis.disconnect()
    expect([code, stdout]).toEqual([0, expect.stringContaining('not all: it ended after 1000')])
  })

  test('all nodes of a Cluster are asked', async () => {
    const cluster = await startCluster()
    const nodes = cluster.masters.map(({ host, port }) => ({ host, port }))
    const open = Array.from({ length: 6 }, () => new ServerEvents(new RedisTransport({ cluster: nodes }), { listen: ['report'], keep: 60_000 })) // prettier-ignore
    await Promise.all(open.map((each) => each.init()))
    for (let id = 0; id < 30; id++) await open[0]!.emit('report', id)
    const { code, stdout } = await runCli(['who', '--json', '--url', `redis+cluster://127.0.0.1:${nodes[0]!.port}`])
    const single = await runCli(['who', '--json', '--url', cluster.masters[0]!.url])
    await Promise.all(open.map((each) => each.close()))
    await cluster.stop()
    expect([single.code, JSON.parse(single.stdout)]).toMatchObject([1, { error: { code: 'ERR_UNSUPPORTED' } }])
    expect([code, JSON.parse(stdout)]).toEqual([
      0,
      { names: [{ name: 'report', listening: 6, ids: 0, homes: {}, kept: 30 }], complete: true, refused: [] },
    ])
  })
})

describe('bench', () => {
  test.each(['pattern', 'name', 'id'])('all arrive: rate, percentiles, none lost; channels %s', async (channels) => {
    const args = ['bench', '--rate', '200', '--duration', '1000', '--json', '--channels', channels]
    const { code, stdout } = await runCli(args, { env })
    const result = JSON.parse(stdout) as { latency: Record<'p50' | 'p99' | 'p999' | 'max', number> }
    expect([code, result]).toMatchObject([0, { wanted: 200, sent: 200, arrived: 200, lost: 0, refused: 0 }])
    const { p50, p99, p999, max } = result.latency
    expect([...[p50, p99, p999, max]].sort((a, b) => a - b)).toEqual([p50, p99, p999, max])
    expect(p50).toBeGreaterThan(0)
  })

  test('a server that freezes meanwhile is paid for by all events that should have left', async () => {
    const own = await startRedis()
    const child = await startCli(['bench', '--rate', '100', '--duration', '2000', '--json', '--url', own.url])
    const redis = new Redis(own.url)
    await eventually(async () => (await redis.info('commandstats')).includes('cmdstat_publish'))
    own.pause()
    await new Promise((resolve) => setTimeout(resolve, 1_500))
    own.resume()
    await child.exited
    redis.disconnect()
    await own.stop()
    const { latency } = JSON.parse(child.lines.join('\n')) as { latency: { p50: number; p99: number } }
    // Most of them should have left while it was frozen: in a closed loop it would have been one.
    expect(latency.p99).toBeGreaterThan(1_000)
    expect(latency.p50).toBeGreaterThan(200)
  })

  test('a server that dies meanwhile: it ends, with what was refused and why', async () => {
    const own = await startRedis()
    const args = ['bench', '--rate', '100', '--duration', '1500', '--timeout', '500', '--json', '--url', own.url]
    const child = await startCli(args)
    const redis = new Redis(own.url)
    redis.on('error', () => undefined)
    await eventually(async () => (await redis.info('commandstats')).includes('cmdstat_publish'))
    await own.stop()
    redis.disconnect()
    expect(await child.exited).toBe(1)
    const result = JSON.parse(child.lines.join('\n')) as { sent: number; refused: number; lost: number; why: string }
    expect(result.sent).toBe(150)
    expect(result.refused + result.lost).toBeGreaterThan(0)
    expect(result.why).toContain(`127.0.0.1:${own.port}`)
  })

  test('what is refused is told: 1', async () => {
    const own = await startRedis()
    const redis = new Redis(own.url)
    await redis.call('ACL', 'SETUSER', 'default', '-publish')
    redis.disconnect()
    const args = ['bench', '--rate', '50', '--duration', '200', '--timeout', '200', '--json', '--url', own.url]
    const { code, stdout } = await runCli(args)
    await own.stop()
    const why = expect.stringContaining('ERR_FORBIDDEN') as string
    expect([code, JSON.parse(stdout)]).toMatchObject([1, { sent: 10, arrived: 0, refused: 10, lost: 0, why }])
  })

  test('for people: tables', async () => {
    const { code, stdout } = await runCli(['bench', '--rate', '50', '--duration', '200'], { env })
    expect([code, stdout]).toEqual([0, expect.stringMatching(/│ sent [^]*│ p50 .*│ p99\.9/)])
  })
})

test.each([
  [['--help']],
  [['doctor', '--help']],
  [['doctor', '--listen', '0']],
  [['who', 'report']],
  [['bench', '--duration', '200']],
])('%j fits into a terminal of 80 columns', async (args) => {
  const { code, shown } = await runAtTerminal(args, env)
  expect(code).toBe(0)
  const lines = shown.split(/[\r\n]+/).map((each) => each.replaceAll(/\u001b\[\d*[mK]/g, ''))
  expect(lines.filter(({ length }) => length > 80)).toEqual([])
  expect(lines.length).toBeGreaterThan(3)
})
