import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { performance } from 'node:perf_hooks'
import { RedisTransport } from '@server-events/redis'
import { aptInstall, findOnPath, startRedis, type RedisServer } from '@server-events/testing'
import { ServerEvents } from 'server-events'

const folder = mkdtempSync(join(tmpdir(), 'server-events-tls-'))
const open: ServerEvents[] = []
let server: RedisServer
/** With TLS; the server's other port is without. */
let port: number

beforeAll(async () => {
  const openssl = (await findOnPath('openssl')) ?? (await aptInstall('openssl'))
  if (openssl === undefined) throw new Error('install openssl, which makes the certificates of this test')
  const [key, cert] = [join(folder, 'key.pem'), join(folder, 'cert.pem')]
  const subject = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=IP:127.0.0.1']
  execFileSync(
    openssl,
    ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-keyout', key, '-out', cert, ...subject],
    { stdio: 'ignore' }, // prettier-ignore
  )
  // Below the ports that systems give to outgoing connections, as all ports of these tests.
  const tls = ['--tls-cert-file', cert, '--tls-key-file', key, '--tls-auth-clients', 'no']
  const placeholder = await startRedis()
  await placeholder.stop()
  port = placeholder.port
  server = await startRedis({ args: [...tls, '--tls-port', String(port)] })
})

afterEach(() => Promise.all(open.splice(0).map((events) => events.close())))

afterAll(async () => {
  await server.stop()
  rmSync(folder, { recursive: true })
})

function connect(transport: RedisTransport): { events: ServerEvents; told: string[] } {
  const events = new ServerEvents(transport, { listen: ['report'], initTimeout: 1_000 })
  const told: string[] = []
  events.onerror((_, error) => told.push(error.message))
  open.push(events)
  return { events, told }
}

const ca = () => readFileSync(join(folder, 'cert.pem'))

test.each([
  ['rediss:// with tls', () => new RedisTransport(`rediss://127.0.0.1:${port}`, { tls: { ca: ca() } })],
  ['options with tls', () => new RedisTransport({ host: '127.0.0.1', port, tls: { ca: ca() } })],
])('%s: events travel on both sides', async (_, make) => {
  const { events, told } = connect(make())
  await events.init()
  const wait = events.on('report', 1)
  await events.emit('report', 1, 'done')
  expect(await wait).toEqual(['done'])
  expect(told).toEqual([])
})

test('a certificate that is not trusted is told with its code at each attempt, and rejects init', async () => {
  const { events, told } = connect(new RedisTransport(`rediss://127.0.0.1:${port}`))
  await expect(events.init()).rejects.toMatchObject({
    code: 'ERR_CONNECTION',
    message: expect.stringContaining('DEPTH_ZERO_SELF_SIGNED_CERT') as string,
  })
  expect(told.length).toBeGreaterThan(1)
})

test('without TLS at a port with TLS: it fails at once', async () => {
  const start = performance.now()
  const { events, told } = connect(new RedisTransport(`redis://127.0.0.1:${port}`))
  await expect(events.init()).rejects.toMatchObject({ code: 'ERR_CONNECTION' })
  expect(told.length).toBeGreaterThan(1)
  expect(performance.now() - start).toBeLessThan(5_000)
})

test('with TLS at a port without: each attempt ends after connectTimeout', async () => {
  const { events, told } = connect(new RedisTransport(`rediss://127.0.0.1:${server.port}`, { connectTimeout: 300 }))
  await expect(events.init()).rejects.toMatchObject({
    code: 'ERR_CONNECTION',
    message: expect.stringContaining('not ready within 300 ms') as string,
  })
  expect(told.length).toBeGreaterThan(1)
})
