// What the server is, where it stands, and who gets in.
import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { performance } from 'node:perf_hooks'
import { aptInstall, findOnPath, startCluster, startProxy, startRedis, startSentinels } from '@server-events/testing'
import type { FaultProxy, RedisCluster, RedisSentinels, RedisServer } from '@server-events/testing'
import { Redis } from 'ioredis'
import { runCli, runDoctor, startSlow } from './run-cli'

const running: { stop(): Promise<void> }[] = []
const folder = mkdtempSync(join(tmpdir(), 'server-events-cli-'))

async function serverWith(...args: string[]): Promise<RedisServer> {
  const server = await startRedis({ args: ['--appendonly', 'yes', ...args] })
  running.push(server)
  return server
}

/** A server behind a proxy, which says something else instead: as long, or the reply could not be read. */
async function proxied(server: RedisServer, said = '', instead = ''): Promise<FaultProxy> {
  const proxy = await startProxy(server)
  running.push({ stop: () => proxy.close() })
  if (said !== '')
    proxy.filter = (direction, chunk) =>
      direction === 'up' ? chunk : Buffer.from(chunk.toString('latin1').replaceAll(said, instead), 'latin1')
  return proxy
}

afterEach(() => Promise.all(running.splice(0).map((server) => server.stop())))

afterAll(() => rmSync(folder, { recursive: true }))

describe('a connection that cannot be made', () => {
  test('nothing listens', async () => {
    const server = await startRedis()
    await server.stop()
    const { code, findings } = await runDoctor(server.url.replace('//', '//:secret@'))
    expect([code, findings.length]).toEqual([1, 1])
    expect(findings[0]).toMatchObject({
      check: 'connection',
      status: 'bad',
      found: `no connection to redis at 127.0.0.1:${server.port}: ECONNREFUSED`,
      fix: 'nothing listens there: check host and port, and that the server runs',
    })
  })

  test('a server that is frozen: within bounds', async () => {
    const server = await serverWith()
    server.pause()
    const began = performance.now()
    const { code, wrong, of } = await runDoctor(server.url)
    expect([code, wrong]).toEqual([1, ['bad connection']])
    expect(of('connection')?.fix).toContain('a server that is frozen')
    expect(performance.now() - began).toBeLessThan(30_000)
    server.resume()
  })

  test('a name that does not resolve', async () => {
    const { code, of } = await runDoctor('redis://server-events.invalid')
    expect([code, of('connection')?.fix]).toEqual([1, expect.stringContaining('the name does not resolve')])
  })

  test('TLS at a port without', async () => {
    const { port } = await serverWith()
    const { code, of } = await runDoctor(`rediss://127.0.0.1:${port}`)
    expect([code, of('connection')?.fix]).toEqual([1, expect.stringContaining('a port without TLS')])
  })

  test.each([
    ['cannot be made', (proxy: FaultProxy) => proxy.refuse()],
    ['is cut', (proxy: FaultProxy) => proxy.cut()],
    ['falls silent', (proxy: FaultProxy) => proxy.blackhole()],
  ])('one %s while the server is examined', async (_, strike) => {
    const proxy = await proxied(await serverWith())
    // The library has two; what comes later is the doctor's.
    proxy.filter = (direction, chunk, connection) => {
      if (direction === 'up' && connection > 3) strike(proxy)
      return chunk
    }
    const { code, wrong } = await runDoctor(proxy.url)
    expect([code, wrong]).toEqual([1, ['bad connection']])
  })

  test.each([
    ['a wrong password', ':not-this-one@'],
    ['no password', ''],
    ['a user that is not there', 'nobody:not-this-one@'],
  ])('%s', async (_, credentials) => {
    const { url } = await serverWith('--requirepass', 'open-sesame')
    const { code, of, output } = await runDoctor(url.replace('//', `//${credentials}`))
    expect([code, of('connection')?.status]).toEqual([1, 'bad'])
    expect(of('connection')?.fix).toMatch(credentials === '' ? /wants a password/ : /^check user name and password$/)
    expect(of('connection')?.docs).toBe('docs/operations.md#users')
    expect(output).not.toMatch(/not-this-one|open-sesame/)
  })
})

test('with the right password it is never shown, neither in the table nor as JSON', async () => {
  const { url } = await serverWith('--requirepass', 'open sesame')
  const withPassword = url.replace('//', '//:open%20sesame@')
  const table = await runCli(['doctor', withPassword])
  const { code, wrong, output } = await runDoctor(withPassword)
  expect([table.code, code, wrong]).toEqual([0, 0, []])
  expect(table.output + output).not.toMatch(/open.{1,3}sesame/)
})

test('a password where none is asked for', async () => {
  const { url } = await serverWith()
  expect((await runDoctor(url.replace('//', '//:secret@'))).wrong).toEqual(['warn password'])
})

test('no password and no TLS on a network', async () => {
  const { port } = await serverWith('--protected-mode', 'no', '--bind', '0.0.0.0')
  // This machine, but not by a name that says so.
  expect((await runDoctor(`redis://0.0.0.0:${port}`)).wrong).toEqual(['warn tls', 'warn password'])
})

test('a password that travels in clear', async () => {
  const { port } = await serverWith('--requirepass', 'open-sesame', '--bind', '0.0.0.0')
  const { wrong, of } = await runDoctor(`redis://:open-sesame@0.0.0.0:${port}`)
  expect([wrong, of('tls')?.found]).toEqual([['warn tls'], 'none: events and the password travel in clear'])
})

describe('TLS', () => {
  const [key, cert] = [join(folder, 'key.pem'), join(folder, 'cert.pem')]
  let port: number

  beforeEach(async () => {
    const openssl = (await findOnPath('openssl')) ?? (await aptInstall('openssl'))
    if (openssl === undefined) throw new Error('install openssl, which makes the certificates of this test')
    const subject = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=IP:127.0.0.1', '-days', '7']
    // prettier-ignore
    execFileSync(openssl, ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-keyout', key, '-out', cert, ...subject], { stdio: 'ignore' })
    const placeholder = await startRedis()
    await placeholder.stop()
    port = placeholder.port
    await serverWith('--tls-cert-file', cert, '--tls-key-file', key, '--tls-auth-clients', 'no', '--tls-port', String(port)) // prettier-ignore
  })

  test('a certificate that will soon have expired', async () => {
    const { wrong, of } = await runDoctor(`rediss://127.0.0.1:${port}`, [], { env: { NODE_EXTRA_CA_CERTS: cert } })
    expect(wrong).toEqual(['warn tls'])
    expect(of('tls')?.found).toMatch(/^TLSv1\.\d, certificate valid for [67] days$/)
  })

  test('a certificate that is not trusted', async () => {
    const { code, of } = await runDoctor(`rediss://127.0.0.1:${port}`)
    expect([code, of('connection')?.fix]).toEqual([1, expect.stringContaining('NODE_EXTRA_CA_CERTS')])
  })

  test('no TLS at a port with TLS', async () => {
    const { code, of } = await runDoctor(`redis://127.0.0.1:${port}`)
    expect([code, of('connection')?.fix]).toEqual([1, expect.stringContaining('rediss://')])
  })
})

test('an old version', async () => {
  const server = await serverWith()
  const redis = new Redis(server.url)
  const [version = ''] = /(redis|valkey)_version:\d+/.exec(await redis.info('server')) ?? []
  redis.disconnect()
  const proxy = await proxied(
    server,
    version,
    version.replace(/\d+$/, (major) => '5'.padStart(major.length, '0')),
  )
  expect((await runDoctor(proxy.url)).wrong).toEqual(['warn server'])
})

test('it still loads what it persisted', async () => {
  const proxy = await proxied(await serverWith(), 'loading:0', 'loading:1')
  const { code, findings } = await runDoctor(proxy.url)
  expect([code, findings]).toMatchObject([1, [{ check: 'connection', status: 'bad', fix: 'wait until it is done' }]])
  expect(findings[0]?.found).toContain('is still loading')
})

test('an answer takes long', async () => {
  const { port } = await serverWith()
  const slow = await startSlow(port)
  const { code, wrong } = await runDoctor(`redis://127.0.0.1:${slow.port}`)
  slow.close()
  const sides = ['publishing', 'subscribing', 'an event']
  expect([code, wrong]).toEqual([0, sides.map((side) => `warn latency of ${side}`)])
})

test.each([
  [-90_000, 'ahead of'],
  [90_000, 'behind'],
])('our clock is off by %i ms', async (ms, how) => {
  const { url } = await serverWith()
  const file = join(folder, 'clock.cjs')
  writeFileSync(file, `const now = Date.now; Date.now = () => now() + ${ms}`)
  const { wrong, of } = await runDoctor(url, [], { execArgv: ['--require', file] })
  expect(wrong).toEqual(['warn clock'])
  expect(of('clock')?.found).toMatch(new RegExp(`^the clock of the server is (89|90)\\d\\d\\d ms ${how} ours$`))
})

test('processes of 1.x on the wire', async () => {
  const { url } = await serverWith()
  const redis = new Redis(url)
  const speaking = setInterval(() => {
    void redis.publish('report:42', JSON.stringify(['report', '42', 'done']))
    void redis.publish('other:42', JSON.stringify(['not', 'of us']))
    void redis.publish('log', '["not of us either"')
  }, 20)
  const { wrong, of } = await runDoctor(url, ['--listen', '500'])
  clearInterval(speaking)
  // Behind what was published: a publish that is cut off rejects.
  await redis.quit()
  expect(wrong).toEqual(['warn peers of 1.x'])
  expect(of('peers of 1.x')?.found).toBe('events of server-events 1.x are on the wire: "report"')
})

describe('with Sentinels', () => {
  let sentinels: RedisSentinels

  beforeAll(async () => {
    sentinels = await startSentinels({ args: ['--appendonly', 'yes'] })
  }, 120_000)

  afterAll(() => sentinels.stop())

  test('a replica', async () => {
    const [master, replica] = sentinels.servers
    const { code, wrong, of } = await runDoctor(replica.url)
    // The library refuses it by itself.
    expect([code, wrong]).toEqual([1, ['bad connection']])
    expect(of('connection')).toMatchObject({
      found: expect.stringContaining('replica') as string,
      fix: expect.stringContaining('master') as string,
    })
    expect((await runDoctor(master.url)).of('role')?.found).toBe('master, 1 replica')
  })

  test('a replica that says so to INFO only; to nobody, and that is told', async () => {
    const [, replica] = sentinels.servers
    const redis = new Redis(replica.url)
    const user = [
      'ACL',
      'SETUSER',
      'someone',
      'on',
      '>open-sesame',
      'allkeys',
      'allchannels',
      '+@all',
      '-role',
    ] as const
    const url = replica.url.replace('//', '//someone:open-sesame@')
    await redis.call(...user)
    const asked = await runDoctor(url)
    expect([asked.code, asked.of('connection')?.found]).toEqual([1, expect.stringContaining('replica')])
    await redis.call(...user, '-info')
    redis.disconnect()
    const { of } = await runDoctor(url)
    expect(of('role')).toMatchObject({ status: 'warn', fix: 'grant +role, or +info' })
  })

  test('a Sentinel itself', async () => {
    const { code, wrong, of } = await runDoctor(sentinels.sentinels[0]!.url)
    expect([code, wrong]).toEqual([1, ['bad connection']])
    expect(of('connection')).toMatchObject({
      found: expect.stringContaining('it is a Sentinel') as string,
      fix: 'give this command the master that it names',
    })
  })
})

describe('a Cluster', () => {
  let cluster: RedisCluster

  beforeAll(async () => {
    cluster = await startCluster({ args: ['--appendonly', 'yes'], password: 'open-sesame' })
  }, 120_000)

  afterAll(() => cluster.stop())

  const place = (): string => `:open-sesame@127.0.0.1:${cluster.masters[0]?.port ?? 0}`

  test('as it should be', async () => {
    const { code, wrong, of, output } = await runDoctor(`redis+cluster://${place()}`)
    expect([code, wrong]).toEqual([0, []])
    expect(of('cluster')?.found).toMatch(/^3 masters, \d replicas, 16384 of 16384 slots/)
    expect(of('timeout')?.found).toMatch(/^each node: 0/)
    // Whose figures these are: each has others.
    expect(of('latency of publishing')?.found).toMatch(/^each node: such as 127\.0\.0\.1:\d+: p50/)
    expect(output).not.toContain('sesame')
  })

  test('given as a single server', async () => {
    const { code, of } = await runDoctor(`redis://${place()}`)
    expect([code, of('cluster')]).toEqual([
      1,
      expect.objectContaining({ status: 'bad', fix: expect.stringContaining('redis+cluster://') as string }),
    ])
  })

  test('a user who may not ask where slots are, or follow them', async () => {
    for (const { url } of cluster.masters) {
      const redis = new Redis(url, { password: 'open-sesame' })
      await redis.call('ACL', 'SETUSER', 'someone', 'on', '>open-sesame', 'allkeys', 'allchannels', '+@all', '-asking')
      redis.disconnect()
    }
    const { code, wrong } = await runDoctor(`redis+cluster://someone${place()}`)
    expect([code, wrong]).toEqual([0, ['warn permission asking of server-events-doctor']])
  })

  test('a user who may not ask which node has which slot: then nothing can be kept', async () => {
    const rules = ['allkeys', 'allchannels', '+@all', '-cluster|slots']
    const setUser = (...more: string[]): Promise<unknown> =>
      Promise.all(
        cluster.masters.map(async ({ url }) => {
          const redis = new Redis(url, { password: 'open-sesame' })
          await redis.call('ACL', 'SETUSER', 'other', 'reset', 'on', '>open-sesame', ...rules, ...more)
          redis.disconnect()
        }),
      )
    await setUser()
    const { code, wrong, of } = await runDoctor(`redis+cluster://other${place()}`)
    const check = 'permission cluster slots of server-events-doctor'
    expect([code, wrong]).toEqual([1, [`bad ${check}`]])
    const { fix = '' } = of(check) ?? {}
    expect(fix).toBe('ACL SETUSER <user> +cluster|slots')
    await setUser(fix.split(' ').at(-1) ?? '')
    expect((await runDoctor(`redis+cluster://other${place()}`)).wrong).toEqual([])
  })

  test('one node is set otherwise: it is named', async () => {
    const [, odd] = cluster.masters
    const redis = new Redis(odd!.url, { password: 'open-sesame' })
    await redis.config('SET', 'timeout', '30')
    const { wrong, findings } = await runDoctor(`redis+cluster://${place()}`)
    await redis.config('SET', 'timeout', '0')
    redis.disconnect()
    expect(wrong).toEqual(['warn timeout'])
    const { found } = findings.find(({ status }) => status === 'warn')!
    expect(found).toMatch(new RegExp(`^127.0.0.1:${odd!.port}: 30 s`))
  })

  test('slots that nobody serves', async () => {
    const redis = new Redis(cluster.masters[0]!.url, { password: 'open-sesame' })
    await redis.call('CLUSTER', 'DELSLOTS', '0')
    const { code, wrong } = await runDoctor(`redis+cluster://${place()}`)
    await redis.call('CLUSTER', 'ADDSLOTS', '0')
    redis.disconnect()
    expect([code, wrong]).toEqual([1, expect.arrayContaining(['bad cluster'])])
  })
})

test('a single server given as a Cluster', async () => {
  const { port } = await serverWith()
  const { code, findings } = await runDoctor(`redis+cluster://127.0.0.1:${port}`)
  const fix = expect.stringContaining('use redis:// here') as string
  expect([code, findings]).toEqual([1, [expect.objectContaining({ check: 'connection', status: 'bad', fix })]])
})
