import { randomBytes } from 'node:crypto'
import { inspect } from 'node:util'
import { MemoryHub, MemoryTransport } from '@server-events/memory'
import { PayloadTooLargeError, ServerEvents } from 'server-events'
import type { EventKey, Message, Receiver, Transport } from 'server-events'
import { sealed } from 'server-events/sealed'
import { rejection, settle } from './support/harness'

const secret = 'a secret of sixteen bytes or more'
const other = randomBytes(32)
const keep = { report: 60_000 }

let hub: MemoryHub
const open: ServerEvents[] = []

beforeEach(() => {
  hub = new MemoryHub()
})

afterEach(async () => {
  await Promise.all(open.splice(0).map((events) => events.close()))
})

interface Told {
  readonly code: string
  readonly message: string
}

async function instance(transport: Transport): Promise<ServerEvents & { told: Told[] }> {
  const events = new ServerEvents(transport, {
    keep,
    listen: ['report'],
    headers: () => ({ trace: 'topsecret-trace' }),
  })
  open.push(events)
  const told: Told[] = []
  events.onerror((_, error) => told.push(error as unknown as Told))
  await events.init()
  return Object.assign(events, { told })
}

const withSecrets = (...secrets: (string | Uint8Array)[]): Promise<ServerEvents & { told: Told[] }> =>
  instance(sealed(new MemoryTransport({ hub }), { secrets }))

/** Hears what travels as it is. */
function eavesdrop(): Message[] {
  const heard: Message[] = []
  const receiver: Receiver = {
    wants: () => true,
    deliver: (_, message) => heard.push(message),
    state: () => {},
    lost: () => {},
    error: () => {},
  }
  const transport = new MemoryTransport({ hub })
  transport.attach(receiver)
  void transport.subscribe({ name: 'report' })
  return heard
}

test('who has the secret gets events, failures and kept outcomes; who has not reads nothing of them', async () => {
  const [api, worker] = [await withSecrets(secret), await withSecrets(secret)]
  const heard = eavesdrop()
  await settle()
  const wait = api.on('report', 1)
  await worker.emit('report', 1, 'topsecret-arg')
  expect(await wait).toEqual(['topsecret-arg'])
  const failing = rejection(api.on('report', 2))
  await worker.fail('report', 2, new TypeError('topsecret-failure'))
  expect(await failing).toMatchObject({ code: 'ERR_REMOTE', message: 'topsecret-failure' })
  expect(await api.on('report', 1)).toEqual(['topsecret-arg'])
  expect(await api.peek('report', 1)).toEqual(['topsecret-arg'])

  expect(heard.map(({ kind }) => kind)).toEqual(['event', 'failure'])
  for (const { body, headers } of heard) {
    expect(headers).toBeUndefined()
    const bytes = typeof body === 'string' ? Buffer.from(body, 'base64') : Buffer.from(body)
    expect(bytes.toString('latin1')).not.toContain('topsecret')
  }
  expect(api.told).toEqual([])
})

test('what is not sealed, or with another secret, settles nothing and is told once', async () => {
  const api = await withSecrets(secret)
  const strangers = [await instance(new MemoryTransport({ hub })), await withSecrets(other)]
  const wait = api.on('report', 1, { timeout: 60_000, recall: false })
  for (const stranger of strangers) for (let i = 0; i < 3; i++) await stranger.emit('report', 1, 'forged')
  const worker = await withSecrets(secret)
  await worker.emit('report', 1, 'true')
  expect(await wait).toEqual(['true'])
  expect(api.told.map(({ code }) => code)).toEqual(['ERR_SEAL'])
  expect(inspect(api.told)).not.toContain(secret)
})

test('what is kept by a stranger is absent for a wait, and rejects peek', async () => {
  const api = await withSecrets(secret)
  const stranger = await withSecrets(other)
  await stranger.emit('report', 1, 'forged')
  expect(await rejection(api.peek('report', 1))).toMatchObject({ code: 'ERR_SEAL' })
  expect(await rejection(api.on('report', 1, 2_000))).toMatchObject({ code: 'ERR_TIMEOUT', recalled: 'answered' })
  const wait = api.on('report', 1)
  const worker = await withSecrets(secret)
  await worker.emit('report', 1, 'true')
  expect(await wait).toEqual(['true'])
  expect(await api.peek('report', 1)).toEqual(['true'])
})

test('a secret is changed without a lost wait: added last everywhere, put first, the old one removed', async () => {
  const keys = [secret, other] as const
  const steps = [[keys[0]], [keys[0], keys[1]], [keys[1], keys[0]], [keys[1]]]
  for (let step = 1; step < steps.length; step++) {
    // While one process has taken the step, and the other has not.
    const [before, after] = [await withSecrets(...steps[step - 1]!), await withSecrets(...steps[step]!)]
    for (const [from, to] of [
      [before, after],
      [after, before],
    ] as const) {
      const live = to.on('report', step)
      await from.emit('report', step, step)
      expect(await live).toEqual([step])
      expect(await to.on('report', step)).toEqual([step])
      await from.forget('report', step)
    }
  }
})

test('a failure is cut until it fits, over a transport that carries no more than every one has to', async () => {
  const transport = new MemoryTransport({ hub })
  const publish = transport.publish.bind(transport)
  transport.publish = (key, message) =>
    message.body.length > 65_536 ? Promise.reject(new PayloadTooLargeError('over the limit')) : publish(key, message)
  const [api, worker] = [await withSecrets(secret), new ServerEvents(sealed(transport, { secrets: [secret] }))]
  open.push(worker)
  worker.onerror(() => undefined)
  for (const length of [60_000, 200_000, 2_000_000]) {
    const wait = rejection(api.on('report', length, { recall: false }))
    await worker.fail('report', length, new Error('x'.repeat(length)))
    expect(await wait).toMatchObject({ code: 'ERR_REMOTE', message: expect.stringMatching(/^x{47000}/) })
  }
})

test('declares what the transport below declares', () => {
  const transport = new MemoryTransport({ hub })
  const { routing, publishTimeout } = sealed(transport, { secrets: [secret] })
  expect(publishTimeout).toBeDefined()
  expect({ routing, publishTimeout }).toEqual({ routing: transport.routing, publishTimeout: transport.publishTimeout })
})

describe('a sealed message', () => {
  /** The message as it is delivered after `change`, or the code of what is told instead. */
  async function delivered(
    message: Message,
    change: (key: EventKey, message: Message) => [EventKey, Message] = (key, sent) => [key, sent],
  ): Promise<Message | string> {
    let inner!: Receiver
    let sent!: Message
    const transport = {
      routing: 'name',
      attach: (receiver: Receiver) => {
        inner = receiver
      },
      publish: (_: EventKey, published: Message) => {
        sent = published
        return Promise.resolve()
      },
    } as unknown as Transport
    let result: Message | string = 'nothing'
    const one = sealed(transport, { secrets: [secret] })
    one.attach({
      wants: () => true,
      deliver: (_, opened) => {
        result = opened
      },
      state: () => {},
      lost: () => {},
      error: (_, error) => {
        result = (error as unknown as Told).code
      },
    })
    await one.publish({ name: 'report', id: '1' }, message)
    inner.deliver(...change({ name: 'report', id: '1' }, sent))
    return result
  }

  test.each<[string, Message]>([
    ['text', { kind: 'event', body: '["äöü 😀 \\n"]', kept: false }],
    ['nothing', { kind: 'event', body: '', kept: true }],
    ['bytes', { kind: 'event', body: new Uint8Array([0, 255, 10, 9]) }],
    ['no bytes', { kind: 'event', body: new Uint8Array(0), headers: {} }],
    ['half a surrogate', { kind: 'event', body: 'a\ud800b' }],
    ['a NUL', { kind: 'event', body: '\0' }],
    ['headers', { kind: 'event', body: '[]', headers: { a: 'b\n', ü: '\0' } }],
    ['a failure', { kind: 'failure', body: '{"name":"Error","message":"no"}', kept: true, headers: { a: 'b' } }],
  ])('arrives as it left: %s', async (_, message) => {
    expect(await delivered(message)).toEqual(message)
  })

  const event: Message = { kind: 'event', body: '["true"]', kept: true }
  const flipped = (body: Message['body'], at: number): Uint8Array => {
    const bytes = Uint8Array.from(body as Uint8Array)
    bytes[at < 0 ? bytes.length + at : at]! ^= 1
    return bytes
  }

  test.each<[string, (key: EventKey, message: Message) => [EventKey, Message]]>([
    ['another id', (key, message) => [{ ...key, id: '2' }, message]],
    ['another name', (key, message) => [{ ...key, name: 'receipt' }, message]],
    ['another kind', (key, message) => [key, { ...message, kind: 'failure' }]],
    ...[0, 1, 17, 30, -20, -1].map(
      (at) =>
        [
          `another byte ${at}`,
          (key: EventKey, message: Message) => [key, { ...message, body: flipped(message.body, at) }],
        ] as [string, (key: EventKey, message: Message) => [EventKey, Message]],
    ),
    ['no body', (key, message) => [key, { ...message, body: '' }]],
    ['half of it', (key, message) => [key, { ...message, body: (message.body as Uint8Array).slice(0, 40) }]],
    ['plain text', (key, message) => [key, { ...message, body: '["forged"]' }]],
  ])('does not open with %s', async (_, change) => {
    expect(await delivered(event, change)).toBe('ERR_SEAL')
  })

  test('says by itself whether it is kept, whatever the transport says', async () => {
    expect(await delivered(event, (key, message) => [key, { ...message, kept: false }])).toEqual(event)
  })
})

test.each<[string, unknown, unknown]>([
  ['no secrets', new MemoryTransport(), {}],
  ['no options', new MemoryTransport(), undefined],
  ['none of them', new MemoryTransport(), { secrets: [] }],
  ['an unset environment variable', new MemoryTransport(), { secrets: [undefined] }],
  ['a short one', new MemoryTransport(), { secrets: [secret, 'hunter2'] }],
  ['an unknown option', new MemoryTransport(), { secrets: [secret], secert: 1 }],
  ['no transport', 'redis://localhost', { secrets: [secret] }],
])('refuses %s, and tells no secret', (_, transport: any, options: any) => {
  let error: any
  try {
    sealed(transport, options)
  } catch (thrown) {
    error = thrown
  }
  expect(error).toMatchObject({ code: 'ERR_INVALID_ARGUMENT' })
  expect(inspect(error)).not.toMatch(/hunter2|sixteen/)
})
