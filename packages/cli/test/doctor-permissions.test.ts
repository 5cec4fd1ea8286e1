// Users that lack one thing each. What the doctor says to grant is granted, and then nothing is missing.
import { startRedis } from '@server-events/testing'
import type { RedisServer } from '@server-events/testing'
import { Redis } from 'ioredis'
import { runDoctor } from './run-cli'

let server: RedisServer
let admin: Redis

beforeAll(async () => {
  server = await startRedis({ args: ['--appendonly', 'yes'] })
  admin = new Redis(server.url)
})

afterAll(async () => {
  admin.disconnect()
  await server.stop()
})

async function user(...rules: string[]): Promise<string> {
  await admin.call('ACL', 'SETUSER', 'someone', 'reset', 'on', '>open-sesame', ...rules)
  return server.url.replace('//', '//someone:open-sesame@')
}

const all = ['allkeys', 'allchannels', '+@all']

test.each([
  ['PUBLISH', ['-publish'], 'bad permission publish', '+publish'],
  ['PSUBSCRIBE', ['-psubscribe'], 'bad permission psubscribe', '+psubscribe'],
  ['PUNSUBSCRIBE', ['-punsubscribe'], 'bad permission punsubscribe', '+punsubscribe'],
  ['PING', ['-ping'], 'warn permission ping', '+ping'],
  ['SET', ['-set'], 'bad permission set', '+set'],
  ['GET', ['-get'], 'bad permission get', '+get'],
  ['DEL', ['-del'], 'warn permission del', '+del'],
  ['SELECT', ['-select'], 'warn permission select', '+select'],
  ['ROLE', ['-role'], 'warn permission role', '+role'],
])('without %s', async (_, rules, expected, grant) => {
  const { wrong, findings, code } = await runDoctor(await user(...all, ...rules), ['--name', 'report'])
  expect(wrong).toEqual([`${expected} of report`])
  expect(code).toBe(expected.startsWith('bad') ? 1 : 0)
  expect(findings.find(({ status }) => status !== 'ok')?.fix).toBe(`ACL SETUSER <user> ${grant}`)
})

test('without SELECT, another database than 0 is not there', async () => {
  const { code, wrong, findings } = await runDoctor(`${await user(...all, '-select')}/3`)
  // The library refuses it before a single command is tried.
  expect([code, wrong]).toEqual([1, ['bad connection']])
  expect(findings[0]?.fix).toContain('+select')
})

test.each([
  [[], '&se:report:*'],
  [['--channels', 'name'], '&se:report:'],
  [['--channels', 'id'], '&se:report:*'],
  [['--prefix', 'shop[1]:'], '&shop\\[1\\]:report:*'],
])('%j: a channel that is not granted is told with its rule, which mends it', async (args, rule) => {
  const before = await runDoctor(await user('allkeys', '+@all', 'resetchannels'), ['--name', 'report', ...args])
  expect(before.code).toBe(1)
  const fixes = before.findings.filter(({ check }) => check.startsWith('permission ')).map(({ fix }) => fix)
  expect(fixes.at(-1)).toBe(`ACL SETUSER <user> ${rule}`)
  const rules = fixes.map((fix) => fix?.split(' ').at(-1) ?? '')
  const after = await runDoctor(await user('allkeys', '+@all', 'resetchannels', ...rules), [
    '--name',
    'report',
    ...args,
  ])
  expect([after.code, after.wrong]).toEqual([0, []])
})

test('keys that are not granted are told with their rule', async () => {
  const { code, findings } = await runDoctor(await user('allchannels', '+@all'), ['--name', 'report'])
  expect(code).toBe(1)
  const fixes = findings.filter(({ status }) => status !== 'ok').map(({ fix }) => fix)
  expect(new Set(fixes)).toEqual(new Set(['ACL SETUSER <user> ~se:kept:report:*']))
})

test.each([
  ['emit', 'worker', ['&se:report:*', '%W~se:kept:report:*', '+publish', '+set', '+info']],
  ['wait', 'api', ['&se:report:*', '%R~se:kept:report:*', '+psubscribe', '+punsubscribe', '+get', '+ping', '+info']],
])('the smallest user that may %s is told of nothing that is bad', async (side, _, rules) => {
  const { code, wrong } = await runDoctor(await user('resetchannels', ...rules), ['--name', 'report', '--side', side])
  expect([code, wrong.filter((it) => it.startsWith('bad'))]).toEqual([0, []])
})

test('each of several names is tried', async () => {
  const url = await user('allkeys', '+@all', 'resetchannels', '&se:report:*')
  const { wrong } = await runDoctor(url, ['--name', 'report', 'order'])
  expect(wrong).toEqual(['bad permission publish of order', 'bad permission psubscribe of order'])
})

test('who may not ask for settings is told that they were not read', async () => {
  const { code, wrong } = await runDoctor(await user(...all, '-config', '-info', '-pubsub'))
  expect([code, wrong]).toEqual([0, ['warn server', 'warn patterns', 'warn settings']])
})

test('who may not hear all channels cannot find peers of 1.x, which is nothing to mend', async () => {
  const url = await user('allkeys', '+@all', 'resetchannels', '&se:*', '&se:report:*')
  const { wrong, of } = await runDoctor(url, ['--name', 'report', '--listen', '100'])
  expect([wrong, of('peers of 1.x')?.found]).toEqual([[], expect.stringContaining('not looked for')])
})
