import { ServerEvents } from 'server-events'
import { startPgbouncer, startPostgres } from '@server-events/testing'
import type { Pgbouncer, PostgresServer } from '@server-events/testing'
import { postgresMigration, PostgresTransport } from '../src'
import { closeAll, event, execute, open, rejection, sentinel } from './support'

let postgres: PostgresServer
let bouncer: Pgbouncer | undefined

beforeAll(async () => {
  postgres = await startPostgres()
  await execute(postgres, postgresMigration())
})

afterEach(async () => {
  await closeAll()
  await bouncer?.stop()
  bouncer = undefined
})

afterAll(() => postgres.stop())

const key = { name: 'report', id: '42' }

describe('behind pgbouncer in transaction mode', () => {
  test('who listens is refused with what to do, and is not kept waiting', async () => {
    bouncer = await startPgbouncer(postgres, 'transaction')
    const api = open(bouncer.url)
    const error = await rejection(api.transport.subscribe({ name: 'report' }))
    expect(error).toMatchObject({ code: 'ERR_UNSUPPORTED' })
    expect(error.message).toBe(
      `postgres at 127.0.0.1:${bouncer.port} is behind a pooler that loses LISTEN, such as pgbouncer in transaction mode: ` +
        'give option listen a direct connection, or one of a pool in session mode',
    )
    expect(await rejection(api.transport.subscribe({ name: 'other' }))).toMatchObject({ code: 'ERR_UNSUPPORTED' })
    expect(api.receiver.log).not.toContain('outputStore down')
  })

  test('so is a wait of an instance', async () => {
    bouncer = await startPgbouncer(postgres, 'transaction')
    const events = new ServerEvents(new PostgresTransport(bouncer.url))
    await expect(events.on('report', 42)).rejects.toMatchObject({ code: 'ERR_UNSUPPORTED' })
    await events.close()
  })

  test('emits go through it, kept ones too, and with option listen waits get them', async () => {
    bouncer = await startPgbouncer(postgres, 'transaction')
    const both = open(bouncer.url, { listen: postgres.url })
    await both.transport.subscribe({ name: 'report' })
    await both.transport.keeper?.publish(key, event('kept'), 60_000)
    await sentinel(both, both, key)
    expect(both.receiver.bodies[0]).toBe('kept')
    expect(await both.transport.keeper?.recall([key])).toEqual([event('kept')])
  })
})

test('behind pgbouncer in session mode all is as without', async () => {
  bouncer = await startPgbouncer(postgres, 'session')
  const both = open(bouncer.url, { heartbeat: 50 })
  await both.transport.subscribe({ name: 'report' })
  for (let i = 0; i < 5; i++) await sentinel(both, both, key)
  expect(both.receiver.log).not.toContain('outputStore down')
})
