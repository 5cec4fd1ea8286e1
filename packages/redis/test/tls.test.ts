import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { connect } from 'node:net'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createServer } from 'node:tls'
import type { Server } from 'node:tls'
import { Cluster, Redis } from 'ioredis'
import { RedisTransport } from '@server-events/redis'
import { eventually, startCluster, startRedis, startSentinels } from '@server-events/testing'
import { RecordingReceiver, event, outcome } from './support'

let directory: string
let cert: Buffer
let key: Buffer
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'tls-'))
  const file = (name: string): string => join(directory, name)
  execFileSync('openssl', [
    ...['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '2', '-subj', '/CN=127.0.0.1'],
    ...['-addext', 'subjectAltName=IP:127.0.0.1', '-keyout', file('key.pem'), '-out', file('cert.pem')],
  ], { stdio: 'pipe' }) // prettier-ignore
  ;[cert, key] = [readFileSync(file('cert.pem')), readFileSync(file('key.pem'))]
})
const toStop: (() => unknown)[] = []
afterEach(async () => {
  // The last one first: transports before the servers that they use.
  for (const stop of toStop.splice(0).reverse()) await stop()
})
afterAll(() => rmSync(directory, { recursive: true, force: true }))

/** Speaks TLS in front of a server that does not. */
async function startTls(target: { host: string; port: number }): Promise<{ host: string; port: number }> {
  const server: Server = createServer({ cert, key }, (client) => {
    const upstream = connect(target)
    client.pipe(upstream).pipe(client)
    client.on('error', () => upstream.destroy())
    client.on('close', () => upstream.destroy())
    upstream.on('error', () => client.destroy())
    upstream.on('close', () => client.destroy())
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  toStop.push(() => new Promise((resolve) => server.close(resolve)))
  return { host: '127.0.0.1', port: (server.address() as AddressInfo).port }
}

type Source = ConstructorParameters<typeof RedisTransport>
async function roundTrip(...source: unknown[]): Promise<void> {
  const transport = new RedisTransport(...(source as Source))
  const receiver = new RecordingReceiver()
  transport.attach(receiver)
  toStop.push(() => transport.close())
  await transport.subscribe({ name: 'a' })
  const keys = Array.from({ length: 20 }, (_, i) => ({ name: 'a', id: String(i) }))
  await Promise.all(keys.map((one) => transport.keeper.publish(one, event('[]', { kept: true }), 60_000)))
  await receiver.arrived('19')
  expect(await transport.keeper.recall(keys)).toEqual(keys.map(() => expect.objectContaining({ body: '[]' })))
  expect(receiver.errors()).toEqual([])
}

/** A server that itself speaks TLS, and nothing else, on its port. */
async function startTlsRedis(): Promise<{ host: string; port: number }> {
  const { host, port } = await startTls({ host: '127.0.0.1', port: 1 })
  // That port is free again below; the operating system does not give it to anyone else so soon.
  await toStop.pop()?.()
  const files = ['--tls-cert-file', join(directory, 'cert.pem'), '--tls-key-file', join(directory, 'key.pem')]
  const args = ['--tls-port', String(port), '--tls-auth-clients', 'no', ...files]
  const redis = await startRedis({ args: [...args, '--tls-ca-cert-file', join(directory, 'cert.pem')] })
  toStop.push(() => redis.stop())
  return { host, port }
}

test('a server: by a URL, by options, by a client, by a function; and none that cannot be trusted', async () => {
  const { host, port } = await startTlsRedis().catch(async () => {
    // Built without TLS.
    const redis = await startRedis()
    toStop.push(() => redis.stop())
    return startTls(redis)
  })
  const tls = { ca: cert }
  const url = `rediss://${host}:${port}`
  await roundTrip(url, { tls, prefix: 'a:' })
  await roundTrip({ host, port, tls, prefix: 'b:' })
  const client = new Redis(url, { tls })
  await roundTrip(client, { prefix: 'c:' })
  client.disconnect()
  await roundTrip(() => new Redis(url, { tls }), { prefix: 'd:' })

  const mistrusting = new RedisTransport(url)
  const receiver = new RecordingReceiver()
  mistrusting.attach(receiver)
  toStop.push(() => mistrusting.close())
  const connecting = outcome(mistrusting.connect())
  await eventually(() => receiver.errors('inputStore').length > 1)
  expect(receiver.errors()[0]!.message).toMatch(/SELF_SIGNED_CERT/)
  await mistrusting.close()
  expect(await connecting).toMatchObject({ code: 'ERR_CLOSED' })
})

test('a Cluster: every connection to every node', async () => {
  const cluster = await startCluster({ nodeTimeout: 15_000 })
  toStop.push(() => cluster.stop())
  const ends = await Promise.all(cluster.nodes.map((node) => startTls(node)))
  const natMap = Object.fromEntries(cluster.nodes.map(({ host, port }, i) => [`${host}:${port}`, ends[i]!]))
  const tls = { ca: cert }
  await roundTrip({ cluster: ends.slice(0, 1), natMap, tls, prefix: 'a:' })
  await roundTrip(new Cluster(ends, { natMap, lazyConnect: true, redisOptions: { tls } }), { prefix: 'b:' })
  await roundTrip({ cluster: [`rediss://127.0.0.1:${ends[0]!.port}`], natMap, tls, prefix: 'c:' })
})

test('Sentinels: they and the servers', async () => {
  const { name, servers, sentinels, stop } = await startSentinels()
  toStop.push(stop)
  const [ends, watchers] = await Promise.all(
    [servers, sentinels].map((group) => Promise.all(group.map((one) => startTls(one)))),
  )
  const natMap = Object.fromEntries(servers.map(({ host, port }, i) => [`${host}:${port}`, ends![i]!]))
  const tls = { ca: cert }
  await roundTrip({ sentinels: watchers, name, natMap, tls, sentinelTLS: tls, enableTLSForSentinelMode: true })
})
