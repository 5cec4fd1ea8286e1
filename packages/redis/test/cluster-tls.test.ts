import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Cluster, Redis } from 'ioredis'
import type { EventKey } from 'server-events'
import { RedisTransport } from '@server-events/redis'
import { eventually, startCluster } from '@server-events/testing'
import type { RedisCluster } from '@server-events/testing'
import { attached, event, outcome } from './support'

let directory: string
let ca: Buffer
let cluster: RedisCluster
const file = (name: string): string => join(directory, name)
const openssl = (...args: readonly string[]): unknown => execFileSync('openssl', [...args], { stdio: 'pipe' })

/** Signed by an authority of our own, for these names and no others. */
function certify(name: string, names: string): { cert: string; key: string; ca: string } {
  const [cert, key] = [file(`${name}.pem`), file(`${name}.key`)]
  openssl('req', '-newkey', 'rsa:2048', '-nodes', '-subj', `/CN=${name}`, '-keyout', key, '-out', file(`${name}.csr`), '-addext', `subjectAltName=${names}`)
  openssl('x509', '-req', '-in', file(`${name}.csr`), '-CA', file('ca.pem'), '-CAkey', file('ca.key'), '-CAcreateserial', '-days', '2', '-copy_extensions', 'copy', '-out', cert)
  return { cert, key, ca: file('ca.pem') }
} // prettier-ignore

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'cluster-tls-'))
  openssl('req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '2', '-subj', '/CN=ours', '-keyout', file('ca.key'), '-out', file('ca.pem')) // prettier-ignore
  ca = readFileSync(file('ca.pem'))
  // Nodes announce 127.0.0.1.
  cluster = await startCluster({ nodeTimeout: 15_000, tls: certify('nodes', 'DNS:localhost,DNS:redis.example') })
}, 60_000)
afterAll(async () => {
  await cluster.stop()
  rmSync(directory, { recursive: true, force: true })
})

const KEEP = 60_000
const kept = event('[]', { kept: true })
const seeds = (host: string): { host: string; port: number }[] =>
  cluster.masters.slice(0, 1).map(({ port }) => ({ host, port }))

async function roundTrip(...source: unknown[]): Promise<void> {
  const { transport, receiver } = attached(
    new RedisTransport(...(source as ConstructorParameters<typeof RedisTransport>)),
  )
  await transport.subscribe({ name: 'a' })
  const keys = Array.from({ length: 30 }, (_, i): EventKey => ({ name: 'a', id: String(i) }))
  await Promise.all(keys.map((one) => transport.keeper.publish(one, kept, KEEP)))
  await receiver.arrived('29')
  expect(await transport.keeper.recall(keys)).toEqual(keys.map(() => expect.objectContaining({ body: '[]' })))
  expect(receiver.errors()).toEqual([])
  // Also those that are not seeds, for pub/sub.
  for (let i = 1; i <= 3; i++) {
    await killAll()
    await receiver.up('outputStore', i + 1)
    await transport.publish({ name: 'a', id: `again-${i}` }, event('[]'))
    await receiver.arrived(`again-${i}`)
  }
}

/** In one moment: who has come back must not be killed again. */
async function killAll(): Promise<void> {
  const admins = cluster.nodes.map((node) => new Redis({ path: join(node.directory, 'socket') }))
  await Promise.all(admins.map((admin) => admin.ping()))
  await Promise.all(admins.map((admin) => admin.client('KILL', 'TYPE', 'pubsub')))
  for (const admin of admins) admin.disconnect()
}

test('the hostname of a seed stands for nodes that announce addresses', async () => {
  const tls = { ca }
  await roundTrip({ cluster: seeds('localhost'), tls, prefix: 'a:' })
  await roundTrip({ cluster: [`rediss://localhost:${cluster.masters[1]!.port}`], tls, prefix: 'b:' })
  const lazy = { lazyConnect: true, redisOptions: { tls } }
  await roundTrip(new Cluster(seeds('localhost'), lazy), { prefix: 'c:' })
  await roundTrip(() => new Cluster(seeds('localhost'), lazy), { prefix: 'd:' })
}, 30_000)

test('any of the seeds: each node may have a certificate of its own', async () => {
  // The first one, by which servers are called in SNI, is a name that no certificate has.
  const some = [{ host: 'nowhere.invalid', port: 1 }, ...seeds('localhost')]
  const { transport } = attached(new RedisTransport({ cluster: some, tls: { ca }, prefix: 'e:' }))
  for (let id = 0; id < 20; id++) await transport.keeper.publish({ name: 'a', id: String(id) }, kept, KEEP)
}, 30_000)

test('seeds by address: what to set is said, and set it goes through', async () => {
  const { transport, receiver } = attached(new RedisTransport({ cluster: seeds('127.0.0.1'), tls: { ca } }))
  void outcome(transport.connect())
  await eventually(() => receiver.errors().length > 1)
  expect(receiver.errors()[0]!.message).toContain('tls.servername')
  await roundTrip({ cluster: seeds('127.0.0.1'), tls: { ca, servername: 'redis.example' }, prefix: 'f:' })
}, 30_000)

test('a node of another name is not trusted', async () => {
  const checked: string[] = []
  const source = { cluster: seeds('localhost'), tls: { ca, servername: 'elsewhere.example' } }
  const { transport, receiver } = attached(new RedisTransport(source))
  void outcome(transport.connect())
  await eventually(() => receiver.errors().length > 1)
  expect(receiver.errors()[0]!.message).toContain('ERR_TLS_CERT_ALTNAME_INVALID')
  // And who checks for himself is asked, and nobody else.
  const checkServerIdentity = (host: string): undefined => void checked.push(host)
  await roundTrip({ cluster: seeds('localhost'), tls: { ca, checkServerIdentity }, prefix: 'g:' })
  expect(new Set(checked)).toEqual(new Set(['localhost', '127.0.0.1']))
}, 30_000)
