import { postgresMigration, PostgresTransport } from '../src'

test.each([
  ['a URL of something else', ['redis://127.0.0.1:1'], 'must begin with postgres://'],
  ['a URL that is none', ['postgres://user:hunter@host:port/x'], 'no options of a client of pg'],
  ['a password with a slash', ['postgres://user:4711/hunter@host/x'], 'the first argument has an @ behind its host'],
  ['one with an @ and a slash', ['postgres://user:p@4711/hunter@host/x'], 'write @ as %40, / as %2F'],
  [
    'one with a question mark',
    [{ connectionString: 'postgresql://user:4711?hunter@host/x' }],
    'connectionString of the',
  ],
  ['one of option listen', ['postgres://x', { listen: 'postgres://user:4711#hunter@host' }], 'option listen has an @'],
  ['no object', [42], 'must be postgres://host:port/database, or options of a client of pg'],
  ['an option of ours in the first argument', [{ types: {} }], 'option types is not yours to give'],
  ['an option of the client in the second', ['postgres://x', { user: 'hunter' }], 'options of the client belong into'],
  ['an unreadable option listen', ['postgres://x', { listen: 'hunter' }], 'option listen must begin with postgres://'],
  ['a table that is no name', ['postgres://x', { table: 'a"; DROP TABLE b' }], 'option table must be'],
  ['a prefix that is empty', ['postgres://x', { prefix: '' }], 'option prefix must be'],
  ['a time that is none', ['postgres://x', { sweep: -1 }], 'option sweep must be'],
])('%s is refused by the constructor, without what was given', (_, args, message) => {
  const make = (): unknown => new (PostgresTransport as new (...args: unknown[]) => unknown)(...args)
  expect(make).toThrow(expect.objectContaining({ code: 'ERR_INVALID_ARGUMENT' }))
  expect(make).toThrow(message)
  for (const secret of ['hunter', '4711']) expect(make).not.toThrow(secret)
})

test('the migration names the table as it is, and refuses what is no name', () => {
  expect(postgresMigration({ table: 'App.Outcomes' })).toContain('CREATE TABLE IF NOT EXISTS "App"."Outcomes" (')
  expect(postgresMigration()).toContain('ON "server_events_outcomes" (expires_at)')
  expect(() => postgresMigration({ table: '"' })).toThrow(expect.objectContaining({ code: 'ERR_INVALID_ARGUMENT' }))
})

test('tables with long names have an index each, whatever they share', () => {
  const indexes = ['x'.repeat(51), 'x'.repeat(52), 'x'.repeat(63), `${'x'.repeat(62)}y`, `app.${'x'.repeat(62)}z`].map(
    (table) => /INDEX IF NOT EXISTS "(\w+)"/.exec(postgresMigration({ table }))?.[1] ?? '',
  )
  expect(new Set(indexes).size).toBe(5)
  for (const index of indexes) expect(index.length).toBeLessThan(64)
})
