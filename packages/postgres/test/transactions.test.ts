import { AsyncResource } from 'node:async_hooks'
import { join } from 'node:path'
import { AlreadySettledError, ServerEvents } from 'server-events'
import type { ServerEventsOptions } from 'server-events'
import { eventually, runNode, startPostgres } from '@server-events/testing'
import type { PostgresServer } from '@server-events/testing'
import { Pool } from 'pg'
import type { PoolClient } from 'pg'
import { postgresMigration, PostgresTransport } from '../src'
import { OutcomeTable } from '../src/outcomes/table'
import { execute, rejection } from './support'

type Options = ServerEventsOptions<Record<string, unknown[]>>

let postgres: PostgresServer
let pool: Pool
const opened: ServerEvents[] = []

beforeAll(async () => {
  postgres = await startPostgres()
  await execute(postgres, `${postgresMigration()}; CREATE TABLE jobs (id text, note text)`)
  pool = new Pool({ connectionString: postgres.url, max: 16 })
})

afterEach(async () => {
  await Promise.all(opened.splice(0).map((events) => events.close()))
  await execute(postgres, 'TRUNCATE jobs, server_events_outcomes')
})

afterAll(async () => {
  await pool.end()
  await postgres.stop()
})

function start(options: Options = {}): { readonly events: ServerEvents; readonly transport: PostgresTransport } {
  const transport = new PostgresTransport(postgres.url)
  const events = new ServerEvents(transport, { keep: { report: 60_000 }, timeout: 60_000, ...options })
  opened.push(events)
  return { events, transport }
}

async function withClient<T>(work: (client: PoolClient) => Promise<T>): Promise<T> {
  const client = await pool.connect()
  try {
    return await work(client)
  } finally {
    client.release()
  }
}

/** An instance that writes down what it hears, and can say when it has heard all that came before. */
async function listener(): Promise<{ readonly heard: string[]; caughtUp(): Promise<void> }> {
  const { events } = start()
  const heard: string[] = []
  await events.listen('report', (_id: string, ...args: unknown[]) => heard.push(String(args[0])))
  return {
    heard,
    async caughtUp() {
      const sentinel = `sentinel ${Math.random()}`
      // As it comes: found in the table it may not have been heard yet.
      const wait = events.on('report', sentinel, { recall: false })
      await events.emit('report', sentinel, sentinel)
      await wait
      heard.splice(heard.indexOf(sentinel), 1)
    },
  }
}

const count = async (table: string): Promise<number> =>
  Number((await execute(postgres, `SELECT count(*) FROM ${table}`))[0]?.['count'])

describe('transaction', () => {
  test('commits what is emitted inside with everything else, and tells it', async () => {
    const api = start()
    const worker = start()
    const { heard, caughtUp } = await listener()
    const wait = api.events.on('report', 42)
    await withClient(async (client) => {
      const result = await worker.transport.transaction(client, async () => {
        await client.query("INSERT INTO jobs VALUES ('42', 'done')")
        await worker.events.emit('report', 42, 'url')
        await caughtUp()
        expect(heard).toEqual([])
        expect(await count('jobs')).toBe(0)
        return 'result'
      })
      expect(result).toBe('result')
    })
    expect(await wait).toEqual(['url'])
    expect(await api.events.on('report', 42)).toEqual(['url'])
    expect(await count('jobs')).toBe(1)
  })

  test('tells what has headers, and whatever the client takes a backslash for', async () => {
    const worker = start({ headers: () => ({ z: 'last', a: 'first' }) })
    const { heard } = await listener()
    await withClient(async (client) => {
      await client.query('SET standard_conforming_strings = off')
      await worker.transport.transaction(client, () => worker.events.emit('report', 42, 'a "\\\' of it'))
      await client.query('RESET standard_conforming_strings')
    })
    await eventually(() => heard.length === 1)
    expect(await worker.events.peek('report', 42)).toEqual(heard)
  })

  test('whoever closes right after it has told of it', async () => {
    const { heard } = await listener()
    await withClient(async (client) => {
      for (const id of [1, 2, 3]) {
        const worker = start()
        await worker.transport.transaction(client, () => worker.events.emit('report', id, `${id}`))
        await worker.events.close()
      }
    })
    await eventually(() => heard.length === 3)
  })

  test('rolls back when the work throws: nobody hears it, nobody finds it', async () => {
    const worker = start()
    const { heard, caughtUp } = await listener()
    await withClient(async (client) => {
      const rolledBack = worker.transport.transaction(client, async () => {
        await worker.events.emit('report', 42, 'url')
        throw new Error('no')
      })
      await expect(rolledBack).rejects.toThrow('no')
      expect((await client.query('SELECT 1 AS one')).rows).toEqual([{ one: 1 }])
    })
    await caughtUp()
    expect(heard).toEqual([])
    expect(await worker.events.peek('report', 42)).toBeUndefined()
  })

  test('a part that is rolled back to a savepoint is not told, nor what the work itself rolls back', async () => {
    const worker = start()
    const { heard, caughtUp } = await listener()
    const wait = worker.events.on('report', 'after')
    await withClient(async (client) => {
      await worker.transport.transaction(client, async () => {
        await client.query('SAVEPOINT mine')
        await worker.events.emit('report', 'inside', 'taken back')
        await client.query('ROLLBACK TO SAVEPOINT mine')
        await worker.events.emit('report', 'after', 'kept')
      })
      await worker.transport.transaction(client, async () => {
        await worker.events.emit('report', 'own', 'taken back too')
        await client.query('ROLLBACK')
      })
    })
    // The wait may have found it in the table, before it was told.
    expect(await wait).toEqual(['kept'])
    await eventually(() => heard.length > 0)
    await caughtUp()
    expect(heard).toEqual(['kept'])
    expect(await worker.events.peek('report', 'inside')).toBeUndefined()
    expect(await worker.events.peek('report', 'own')).toBeUndefined()
  })

  test('1,000 times under load: what is rolled back is never heard, what is committed always is', async () => {
    const api = start()
    const worker = start()
    const { heard, caughtUp } = await listener()
    const ids = Array.from({ length: 2_000 }, (_, id) => id)
    const waits = ids.filter((id) => id % 2).map((id) => api.events.on('report', id))
    let next = 0
    const run = async (): Promise<void> => {
      for (let id = next++; id < ids.length; id = next++)
        await withClient((client) =>
          worker.transport
            .transaction(client, async () => {
              await worker.events.emit('report', id, id % 2 ? 'committed' : 'rolled back')
              if (id % 2 === 0) throw new Error('no')
            })
            .catch(() => undefined),
        )
    }
    await Promise.all(Array.from({ length: 16 }, run))
    expect(await Promise.all(waits)).toEqual(waits.map(() => ['committed']))
    await caughtUp()
    expect(heard.filter((text) => text === 'committed')).toHaveLength(1_000)
    expect(heard.filter((text) => text === 'rolled back')).toEqual([])
    // And the sentinel.
    expect(await count('server_events_outcomes')).toBe(1_001)
  })

  test('what is not awaited inside does not escape: it is in the transaction, or refused once that is over', async () => {
    const worker = start()
    const late: Promise<Error & { code?: string }>[] = []
    await withClient((client) =>
      worker.transport.transaction(client, () => {
        void worker.events.emit('report', 'early', 'not awaited')
        setTimeout(() => late.push(rejection(worker.events.emit('report', 'late', 'not awaited'))), 50)
      }),
    )
    await new Promise((resolve) => setTimeout(resolve, 100))
    const [error] = await Promise.all(late)
    expect(error).toMatchObject({ code: 'ERR_INVALID_ARGUMENT' })
    expect(error?.message).toContain('event "report" with id "late" belongs to a transaction that is over')
    expect(await worker.events.peek('report', 'early')).toEqual(['not awaited'])
    expect(await worker.events.peek('report', 'late')).toBeUndefined()
  })

  test('an emit is not held for a subscription in flight, which might outlast the transaction', async () => {
    const both = start()
    await both.events.init()
    const waits: Promise<unknown>[] = []
    // Of somebody else, who is in no transaction.
    const wait = AsyncResource.bind(() => waits.push(both.events.on('report', 42)))
    await withClient((client) =>
      both.transport.transaction(client, async () => {
        wait()
        await both.events.emit('report', 42, 'url')
        // Here, and not elsewhere.
        expect((await client.query('SELECT FROM server_events_outcomes')).rowCount).toBe(1)
        expect(await count('server_events_outcomes')).toBe(0)
      }),
    )
    expect(await Promise.all(waits)).toEqual([['url']])
  })

  test('refuses plain events: they could not be taken back', async () => {
    const worker = start()
    const error = await withClient((client) =>
      rejection(worker.transport.transaction(client, () => worker.events.emit('progress', 42, 'half'))),
    )
    expect(error).toMatchObject({ code: 'ERR_INVALID_ARGUMENT' })
    expect(error.message).toContain('is emitted inside a transaction and not kept')
  })

  test('forget belongs to it too', async () => {
    const worker = start()
    await worker.events.emit('report', 42, 'url')
    await withClient(async (client) => {
      const rolledBack = worker.transport.transaction(client, async () => {
        await worker.events.forget('report', 42)
        throw new Error('no')
      })
      await expect(rolledBack).rejects.toThrow('no')
      expect(await worker.events.peek('report', 42)).toBeDefined()
      await worker.transport.transaction(client, () => worker.events.forget('report', 42))
    })
    expect(await worker.events.peek('report', 42)).toBeUndefined()
  })

  test('a statement of ours that fails does not poison it', async () => {
    const worker = start()
    await execute(postgres, 'ALTER TABLE server_events_outcomes ADD CONSTRAINT none CHECK (false) NOT VALID')
    try {
      const error = await withClient((client) =>
        worker.transport.transaction(client, async () => {
          await client.query("INSERT INTO jobs VALUES ('1', 'before')")
          const refused = await rejection(worker.events.emit('report', 42, 'secret'))
          await client.query("INSERT INTO jobs VALUES ('2', 'after')")
          return refused
        }),
      )
      expect(error.message).toContain('refused a statement on table server_events_outcomes (SQLSTATE 23514)')
      expect(error.stack).not.toContain('secret')
    } finally {
      await execute(postgres, 'ALTER TABLE server_events_outcomes DROP CONSTRAINT none')
    }
    expect(await count('jobs')).toBe(2)
  })

  test('inside another one of its client is refused, and that one goes on', async () => {
    const worker = start()
    const { heard, caughtUp } = await listener()
    await withClient(async (client) => {
      const wrapped = { query: (sql: string): Promise<unknown> => client.query(sql) }
      for (const own of [client, wrapped]) {
        const outer = worker.transport.transaction(own, async () => {
          await worker.events.emit('report', 1, 'outer')
          const nested = worker.transport.transaction(own, () => worker.events.emit('report', 2, 'inner'))
          const error = await rejection(nested)
          expect(error).toMatchObject({ code: 'ERR_INVALID_ARGUMENT' })
          expect(error.message).toContain('this client is in a transaction already: emit inside of that')
          await client.query("INSERT INTO jobs VALUES ('1', 'after')")
          throw new Error('no')
        })
        await expect(outer).rejects.toThrow('no')
      }
      // Of one that somebody else has begun only PostgreSQL knows.
      await client.query('BEGIN')
      await client.query("INSERT INTO jobs VALUES ('1', 'theirs')")
      const error = await rejection(worker.transport.transaction(client, () => undefined))
      expect(error.message).toContain('call transport.using() there')
      await client.query('ROLLBACK')
      // And it can have one again.
      await worker.transport.transaction(client, () => worker.events.emit('report', 3, 'later'))
    })
    await eventually(() => heard.length > 0)
    await caughtUp()
    expect(heard).toEqual(['later'])
    expect(await count('jobs')).toBe(0)
  })

  test('emits and statements that are not awaited one by one do not poison it', async () => {
    const worker = start()
    await execute(postgres, 'ALTER TABLE server_events_outcomes ADD CONSTRAINT short CHECK (length(body) < 300)')
    const long = 'x'.repeat(400)
    try {
      await withClient(async (client) => {
        await worker.transport.transaction(client, async () => {
          const insert = (id: string): Promise<unknown> => client.query(`INSERT INTO jobs VALUES ('${id}', '')`)
          await Promise.all([
            insert('1'),
            worker.events.emit('report', 1, 'one'),
            insert('2'),
            worker.events.emit('report', 2, 'two'),
            worker.transport.using(client, () => worker.events.emit('report', 3, 'three')),
            insert('3'),
          ])
          // What fails takes nothing along of what was done before, nor of what is done afterwards.
          const ends = await Promise.allSettled([
            worker.events.emit('report', 4, 'four'),
            worker.events.emit('report', 5, long),
            worker.transport.using(client, () => worker.events.emit('report', 6, long)),
            worker.transport.using(client, () => worker.events.emit('report', 7, 'seven')),
            worker.events.emit('report', 8, 'eight'),
          ])
          expect(ends.map(({ status }) => status)).toEqual([
            'fulfilled',
            'rejected',
            'rejected',
            'fulfilled',
            'fulfilled',
          ])
          await insert('4')
        })
      })
    } finally {
      await execute(postgres, 'ALTER TABLE server_events_outcomes DROP CONSTRAINT short')
    }
    expect(await count('jobs')).toBe(4)
    expect(await count('server_events_outcomes')).toBe(6)
  })

  test('a statement that was sent before an emit has failed fails with it; the transaction goes on from before both', async () => {
    const worker = start()
    await execute(postgres, 'ALTER TABLE server_events_outcomes ADD CONSTRAINT none CHECK (false) NOT VALID')
    try {
      await withClient((client) =>
        worker.transport.transaction(client, async () => {
          await client.query("INSERT INTO jobs VALUES ('1', 'before')")
          const [emitted, beside] = await Promise.allSettled([
            worker.events.emit('report', 1, 'refused'),
            new Promise((resolve) => setImmediate(resolve)).then(() =>
              client.query("INSERT INTO jobs VALUES ('2', '')"),
            ),
          ])
          expect(emitted.status).toBe('rejected')
          await client.query(`INSERT INTO jobs VALUES ('3', '${beside.status}')`)
        }),
      )
    } finally {
      await execute(postgres, 'ALTER TABLE server_events_outcomes DROP CONSTRAINT none')
    }
    const ids = (await execute(postgres, 'SELECT id FROM jobs ORDER BY id')).map(({ id }) => id)
    expect(ids).toEqual(expect.arrayContaining(['1', '3']))
  })

  test('emits of one tick take one round trip, the last of each id holds', async () => {
    const worker = start()
    const statements: string[] = []
    await withClient((client) => {
      const query = (sql: string): Promise<unknown> => {
        statements.push(sql)
        return client.query(sql)
      }
      return worker.transport.transaction({ query }, () =>
        Promise.all([1, 2, 3, 2].map((id, i) => worker.events.emit('report', id, i))),
      )
    })
    expect(statements).toHaveLength(3)
    expect(await worker.events.peek('report', 2)).toEqual([3])
    expect(await count('server_events_outcomes')).toBe(3)
  })

  test('that PostgreSQL has rolled back because an error was caught rejects, and tells nobody', async () => {
    const worker = start()
    const { heard, caughtUp } = await listener()
    const error = await withClient((client) =>
      rejection(
        worker.transport.transaction(client, async () => {
          await worker.events.emit('report', 42, 'url')
          await client.query('SELECT nonsense').catch(() => undefined)
        }),
      ),
    )
    expect(error).toMatchObject({ code: 'ERR_INVALID_ARGUMENT' })
    await caughtUp()
    expect(heard).toEqual([])
  })

  test('keeps the first outcome: one of two wins, and a third that rolls back changes nothing', async () => {
    const { events, transport } = start({ keep: { report: { ms: 60_000, once: true } } })
    const emit = (text: string, fails = false): Promise<void> =>
      withClient((client) =>
        transport.transaction(client, async () => {
          await events.emit('report', 42, text)
          if (fails) throw new Error('no')
        }),
      )
    await expect(emit('rolled back', true)).rejects.toThrow('no')
    const results = await Promise.allSettled([emit('one'), emit('two')])
    expect(results.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected'])
    const { reason } = results.find((result) => result.status === 'rejected') as PromiseRejectedResult
    expect(reason).toBeInstanceOf(AlreadySettledError)
    const winner = results[0].status === 'fulfilled' ? 'one' : 'two'
    expect(await events.peek('report', 42)).toEqual([winner])
    await emit(winner)
  })

  test('works with whatever runs SQL: how it ended is then seen in the table', async () => {
    const api = start()
    const worker = start()
    const wait = api.events.on('report', 42)
    await withClient(async (client) => {
      const query = async (sql: string): Promise<void> => {
        await client.query(sql)
      }
      await worker.transport.transaction({ query }, () => worker.events.emit('report', 42, 'url'))
    })
    expect(await wait).toEqual(['url'])
  })
})

describe('using, and announce', () => {
  test('tells what is committed, and nothing of what is open or rolled back', async () => {
    const worker = start()
    await worker.events.emit('report', 1, 'of an earlier transaction')
    const { heard, caughtUp } = await listener()
    await withClient((one) =>
      withClient(async (two) => {
        await one.query('BEGIN')
        await two.query('BEGIN')
        await worker.transport.using(one, () => worker.events.emit('report', 1, 'one'))
        await worker.transport.using(two, () => worker.events.emit('report', 2, 'two'))
        await worker.transport.announce()
        await caughtUp()
        expect(heard).toEqual([])
        await one.query('COMMIT')
        await worker.transport.announce()
        await caughtUp()
        expect(heard).toEqual(['one'])
        await two.query('ROLLBACK')
        await worker.transport.announce()
        await caughtUp()
        expect(heard).toEqual(['one'])
      }),
    )
  })

  test('transactions that commit while others are announced are announced by their own call', async () => {
    const worker = start()
    const { heard, caughtUp } = await listener()
    const one = (id: number): Promise<void> =>
      withClient(async (client) => {
        await client.query('BEGIN')
        await worker.transport.using(client, () => worker.events.emit('report', id, `${id}`))
        await client.query(id % 3 ? 'COMMIT' : 'ROLLBACK')
        await worker.transport.announce()
      })
    await Promise.all(Array.from({ length: 100 }, (_, id) => one(id)))
    await caughtUp()
    const committed = Array.from({ length: 100 }, (_, id) => id).filter((id) => id % 3)
    expect([...new Set(heard)].sort()).toEqual(committed.map(String).sort())
  })

  test('of many that announce together each reads no more than once what the others have pending', async () => {
    const worker = start()
    const { heard, caughtUp } = await listener()
    const select = jest.spyOn(OutcomeTable.prototype, 'select')
    for (let id = 0; id < 50; id++)
      await withClient(async (client) => {
        await client.query('BEGIN')
        await worker.transport.using(client, () => worker.events.emit('report', id, `${id}`))
        await client.query('COMMIT')
      })
    await Promise.all(Array.from({ length: 50 }, () => worker.transport.announce()))
    await caughtUp()
    expect(heard).toHaveLength(50)
    expect(select.mock.calls.flatMap(([keys]) => keys)).toHaveLength(50)
    jest.restoreAllMocks()
  })

  test('outside of a transaction it is refused', async () => {
    const worker = start()
    const error = await withClient((client) =>
      rejection(worker.transport.using(client, () => worker.events.emit('report', 42, 'url'))),
    )
    expect(error).toMatchObject({ code: 'ERR_INVALID_ARGUMENT' })
    expect(error.message).toContain('is in no transaction')
  })
})

test('killed between the commit and the announcement, every wait gets its outcome by its last look', async () => {
  const names = ['transaction', 'using']
  const ids = Array.from({ length: 1_000 }, (_, id) => id)
  const api = start({ keep: Object.fromEntries(names.map((name) => [name, 60_000])) })
  await api.events.init()
  const child = join(__dirname, 'child/dies.js')
  const children = await Promise.all(names.map((name) => runNode(child, { args: [name, postgres.url, '1000'] })))
  await Promise.all(children.map((one) => one.line('stored')))
  const waits = names.flatMap((name) => ids.map((id) => api.events.on(name, id, 6_000)))
  for (const one of children) one.signal('SIGUSR2')
  expect(await Promise.all(children.map(({ exited }) => exited))).toEqual([137, 137])
  expect(await Promise.all(waits)).toEqual(waits.map(() => ['committed']))
})
