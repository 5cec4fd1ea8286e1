import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { NatsTransport } from '@server-events/nats'
import { eventually, startNats, Recorder } from '@server-events/testing'
import type { NatsServer, NatsServerOptions } from '@server-events/testing'
import { closeAll, open, rejection } from './support'

const servers: NatsServer[] = []

async function start(options: NatsServerOptions): Promise<NatsServer> {
  const nats = await startNats(options)
  servers.push(nats)
  return nats
}

afterEach(async () => {
  await closeAll()
  await Promise.all(servers.splice(0).map((nats) => nats.stop()))
})

describe('refused at construction', () => {
  test.each<[string, unknown, RegExp]>([
    ['null', null, /must be an object/],
    ['a prefix that is a pattern', { prefix: 'se.*' }, /option prefix must be of letters/],
    ['an empty prefix', { prefix: '' }, /option prefix/],
    ['a prefix with an empty token', { prefix: 'a..b' }, /option prefix/],
    ['a prefix that is too long', { prefix: 'p'.repeat(65) }, /option prefix/],
    ['a bucket with a dot', { bucket: 'a.b' }, /option bucket must be false, or of letters/],
    ['bucket true', { bucket: true }, /option bucket/],
    ['a maxKeep of less than a second', { maxKeep: 999 }, /option maxKeep must be an integer of ms, at least 1000/],
    ['a negative heartbeat', { heartbeat: -1 }, /option heartbeat must be an integer of ms, at least 0/],
    ['no time to publish', { publishTimeout: 0 }, /option publishTimeout must be an integer of ms, at least 1/],
    ['no time to subscribe', { subscribeTimeout: 1.5 }, /option subscribeTimeout/],
    ['maxQueued as a string', { maxQueued: '1' }, /option maxQueued/],
    ['noEcho', { noEcho: true }, /option noEcho is not yours to give: a transport hears its own messages/],
    ['pingInterval', { pingInterval: 1 }, /option pingInterval is not yours to give: use option heartbeat/],
    ['reconnect', { reconnect: false }, /option reconnect is not yours to give/],
    ['servers and port', { servers: 'a', port: 1 }, /exclude each other/],
    ['no server', { servers: [] }, /must name a server/],
    ['a server that is no address', { servers: [1] }, /must be an address/],
    ['a websocket', { servers: 'ws://localhost' }, /must begin with nats:\/\/ or tls:\/\/, not "ws"/],
  ])('%s', (_, options, message) => {
    expect(() => new NatsTransport(options as object)).toThrow(
      expect.objectContaining({ code: 'ERR_INVALID_ARGUMENT', message: expect.stringMatching(message) as string }),
    )
  })

  test('credentials in an address, which the client would ignore; without repeating them', () => {
    const construct = (): unknown => new NatsTransport('nats://me:pa55word@localhost:4222')
    expect(construct).toThrow(/use options user and pass/)
    expect(construct).not.toThrow(/pa55word/)
  })
})

test('a second receiver is refused, and so is use without one', async () => {
  const transport = new NatsTransport()
  expect(await rejection(transport.connect())).toMatchObject({ code: 'ERR_INVALID_ARGUMENT' })
  transport.attach(new Recorder())
  expect(() => transport.attach(new Recorder())).toThrow(expect.objectContaining({ code: 'ERR_INVALID_ARGUMENT' }))
  await transport.close()
})

test('a token, a name, several servers: what is not ours goes to the client', async () => {
  const nats = await start({ config: 'authorization { token: "t0ken" }\nhttp: "127.0.0.1:-1"' })
  const transport = new NatsTransport(['127.0.0.1:1', nats.url], { token: 't0ken', name: 'billing' })
  transport.attach(new Recorder())
  await transport.connect()
  const [, monitor] = /http monitor on (\S+)/.exec(await nats.log()) ?? []
  const clients = await fetch(`http://${monitor}/connz`).then((response) => response.text())
  expect(clients).toContain('"name": "billing"')
  await transport.close()
})

test('a function among the options that throws is a failed attempt, and is called again', async () => {
  const nats = await start({ config: 'authorization { user: me, password: right }' })
  let calls = 0
  const authenticator = (): { user: string; pass: string } => {
    if (++calls < 3) throw new Error('the vault with pa55word is sealed')
    return { user: 'me', pass: 'right' }
  }
  const { transport, receiver } = open(nats, { authenticator })
  await transport.connect()
  expect(receiver.errors).toHaveLength(2)
  expect(String(receiver.errors)).not.toContain('pa55word')
})

describe('TLS', () => {
  // Self-signed, for localhost, until 2126.
  const [key, cert] = [join(__dirname, 'tls/key.pem'), join(__dirname, 'tls/cert.pem')]

  test('with the right authority connects, with none says why not', async () => {
    const nats = await start({ config: `tls { cert_file: "${cert}", key_file: "${key}" }` })
    const ca = readFileSync(cert, 'utf8')
    await open(nats, { servers: `tls://localhost:${nats.port}`, tls: { ca } }).transport.connect()
    const stranger = open(nats)
    void rejection(stranger.transport.connect())
    await eventually(() => stranger.receiver.errors.length > 0)
    expect(stranger.receiver.errors[0]?.message).toContain('DEPTH_ZERO_SELF_SIGNED_CERT')
  })

  test('that an address asks for is not done without', async () => {
    const plain = await start({})
    const { transport, receiver } = open(plain, { servers: `tls://localhost:${plain.port}` })
    void rejection(transport.connect())
    await eventually(() => receiver.errors.length > 0)
    expect(receiver.errors[0]).toMatchObject({ code: 'ERR_CONNECTION' })
    expect(receiver.log).toEqual([])
  })
})
