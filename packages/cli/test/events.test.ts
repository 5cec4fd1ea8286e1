// Commands that speak with those who wait, as processes, on a real Redis.
import { setTimeout as delay } from 'node:timers/promises'
import { RedisTransport } from '@server-events/redis'
import { eventually, startRedis } from '@server-events/testing'
import type { RedisServer } from '@server-events/testing'
import { RemoteError, ServerEvents } from 'server-events'
import { runCli, startCli } from './run-cli'

let server: RedisServer
let events: ServerEvents
let env: NodeJS.ProcessEnv
let url: string

beforeAll(async () => {
  server = await startRedis({ args: ['--requirepass', 'open-sesame'] })
  url = server.url.replace('//', '//:open-sesame@')
  env = { SERVER_EVENTS_URL: url }
  events = new ServerEvents(new RedisTransport(url), { keep: { kept: 60_000 }, listen: ['report'] })
  await events.init()
})

afterAll(async () => {
  await events.close()
  await server.stop()
})

describe('emit', () => {
  test('each argument is JSON', async () => {
    const wait = events.on('report', 'é:1')
    const { code, stdout, stderr } = await runCli(['emit', 'report', 'é:1', '{"pages":3}', '"text"', '4'], { env })
    expect([code, stdout, stderr]).toEqual([0, 'accepted by the server', ''])
    expect(await wait).toEqual([{ pages: 3 }, 'text', 4])
  })

  test('no arguments are an event as well; --json is for programs', async () => {
    const wait = events.on('report', 2)
    const { code, stdout } = await runCli(['emit', 'report', '2', '--json', '--url', url], {})
    expect([code, JSON.parse(stdout), await wait]).toEqual([0, { event: 'report', id: '2', accepted: true }, []])
  })

  test('--keep: for those who wait later', async () => {
    await runCli(['emit', 'kept', '3', '"done"', '--keep', '60000'], { env })
    expect(await events.on('kept', 3)).toEqual(['done'])
  })

  test('--keep --once: the first outcome holds, the same again is accepted, another one is refused', async () => {
    const emit = (...args: string[]) => runCli([...args, '--keep', '60000', '--once'], { env })
    expect(await emit('emit', 'kept', 'o1', '"approved"')).toMatchObject({
      ...{ code: 0, stdout: 'accepted by the server, and the outcome that is kept', stderr: '' },
    })
    expect(await emit('emit', 'kept', 'o1', '"approved"')).toMatchObject({ code: 0, stderr: '' })
    const refused = await emit('emit', 'kept', 'o1', '"rejected"')
    expect(refused).toMatchObject({ code: 1, stdout: '', stderr: expect.stringContaining('(ERR_ALREADY_SETTLED)') })
    const failed = await emit('fail', 'kept', 'o1', 'too late', '--json')
    expect([failed.code, JSON.parse(failed.stdout)]).toMatchObject([1, { error: { code: 'ERR_ALREADY_SETTLED' } }])
    expect(await events.peek('kept', 'o1')).toEqual(['approved'])
    const first = await emit('fail', 'kept', 'o2', 'no', '--json')
    expect(JSON.parse(first.stdout)).toEqual({ event: 'kept', id: 'o2', accepted: true, keep: 60_000, once: true })
  })

  test('--once without --keep is not understood, and nothing is sent', async () => {
    expect(await runCli(['emit', 'kept', 'o3', '--once'], { env })).toMatchObject({
      ...{ code: 2, stdout: '', stderr: expect.stringContaining('--once needs --keep') },
    })
    expect(await runCli(['fail', 'kept', 'o3', 'no', '--once'], { env })).toMatchObject({ code: 2 })
  })

  test('what is not JSON is refused, not sent, and not shown', async () => {
    const { code, stdout, stderr } = await runCli(['emit', 'report', '4', '1', 'pass-word'], { env })
    expect([code, stdout, stderr]).toEqual([2, '', expect.stringContaining('argument 2 of the event is not JSON')])
    expect(stderr).not.toContain('pass-word')
  })
})

test('fail: who waits is rejected with it', async () => {
  const wait = events.on('report', 5)
  const args = ['fail', 'report', '5', 'too much', '--name', 'RangeError', '--code', 'E_MUCH', '--data', '{"pages":9}']
  expect(await runCli(args, { env })).toMatchObject({ code: 0, stdout: 'accepted by the server' })
  const error = await wait.catch((reason: unknown) => reason)
  expect(error).toBeInstanceOf(RemoteError)
  const { message, remoteName, remoteCode, data } = error as RemoteError
  expect({ message, remoteName, remoteCode, data }).toEqual({ message: 'too much', remoteName: 'RangeError', remoteCode: 'E_MUCH', data: { pages: 9 } }) // prettier-ignore
})

describe('wait', () => {
  /** Emits until somebody has heard it: when a process waits can only be seen from the server. */
  async function until(child: { exited: Promise<number> }, emit: () => Promise<void>): Promise<void> {
    const ended = child.exited.then(() => true)
    await eventually(async () => {
      await emit()
      return Promise.race([ended, delay(20, false)])
    })
  }

  test('the event comes: its arguments, a line of JSON each', async () => {
    const child = await startCli(['wait', 'report', '10'], { env })
    await until(child, () => events.emit('report', 10, { pages: 3 }, 'done'))
    expect([await child.exited, child.lines, child.stderr]).toEqual([0, ['{"pages":3}', '"done"'], ''])
  })

  test('--json', async () => {
    const child = await startCli(['wait', 'report', '11', '--json'], { env })
    await until(child, () => events.emit('report', 11, 1))
    expect(JSON.parse(child.lines.join('\n'))).toEqual({ event: 'report', id: '11', args: [1] })
  })

  test('an outcome that is kept; not with --no-recall', async () => {
    await events.emit('kept', 12, 'there')
    expect(await runCli(['wait', 'kept', '12'], { env })).toMatchObject({ code: 0, stdout: '"there"' })
    expect((await runCli(['wait', 'kept', '12', '--no-recall', '--timeout', '200'], { env })).code).toBe(3)
  })

  test('nothing comes: 3, and why', async () => {
    const { code, stdout, stderr } = await runCli(['wait', 'report', '13', '--timeout', '100'], { env })
    expect([code, stdout]).toEqual([3, ''])
    expect(stderr).toMatch(/^error no event "report" with id "13" within 100 ms \(subscribed, .*ERR_TIMEOUT/)
  })

  test('a failed outcome: 1, and what the producer gave', async () => {
    await events.fail('kept', 14, Object.assign(new TypeError('broken'), { code: 'E_PRESS', data: { page: 7 } }))
    const people = await runCli(['wait', 'kept', '14'], { env })
    expect([people.code, people.stderr]).toEqual([1, 'error the outcome is a failure: TypeError (E_PRESS): broken\n'])
    const programs = await runCli(['wait', 'kept', '14', '--json'], { env })
    expect([programs.code, JSON.parse(programs.stdout)]).toEqual([
      1,
      { error: { code: 'ERR_REMOTE', message: 'broken', name: 'TypeError', remoteCode: 'E_PRESS', data: { page: 7 } } },
    ])
  })

  test.each([
    ['wrong password', () => url.replace('sesame', 'says-me'), 'refused the credentials'],
    ['nobody there', () => 'redis://:open-sesame@127.0.0.1:9', 'ECONNREFUSED'],
  ])('%s: 1, at once, and without the password', async (_, where, why) => {
    for (const more of [[], ['--json']]) {
      const { code, output } = await runCli(['wait', 'report', '15', '--timeout', '60000', '--url', where(), ...more])
      expect([code, output]).toEqual([1, expect.stringContaining(why)])
      expect(output).not.toMatch(/sesame|says-me/)
    }
  })
})

describe('a command line that is not understood ends with 2 and shows no password', () => {
  test.each([
    [[]],
    [['doctor']],
    [['doctor', 'http://:open-sesame@127.0.0.1']],
    [['doctor', 'redis://:open-sesame@']],
    [['doctor', 'redis://:open-sesame/@127.0.0.1']],
    [['doctor', 'redis://:open#sesame@127.0.0.1']],
    [['doctor', 'redis://:open%sesame@127.0.0.1']],
    [['doctor', 'redis://:open-sesame@127.0.0.1:port']],
    [['doctor', 'redis://:open-sesame@127.0.0.1/db']],
    [['doctor', 'redis://:open-sesame@127.0.0.1', 'redis://:open-sesame@127.0.0.1']],
    [['redis://:open-sesame@127.0.0.1']],
    [['wait', 'report', '--url', 'redis://:open-sesame@127.0.0.1']],
    [['wait', 'report', '1', '--url', 'redis://:open-sesame@127.0.0.1', '--timeout', 'soon']],
    [['wait', 'report', '1', '--url', 'redis://:open-sesame@127.0.0.1', '--nonsense']],
    [['wait', '', '1', '--url', 'URL']],
    [['emit', 'report', '1', '--url', 'redis+cluster://:open-sesame@127.0.0.1/3']],
    [['wait', 'report', '1', '--channels', 'other', '--url', 'redis://:open-sesame@127.0.0.1']],
    // The URL where it does not belong, without its host, and with a blank in the password.
    [['wait', 'report', '1', '--timeout', 'redis://:open-sesame']],
    [['wait', 'report', '1', '--channels', 'redis://:open sesame@127.0.0.1']],
    [['dcotor', 'redis://:open-sesame@127.0.0.1']],
  ])('%j', async (args) => {
    const { code, output } = await runCli(args.map((arg) => (arg === 'URL' ? url : arg)))
    expect([code, output]).toEqual([2, expect.not.stringMatching(/sesame/)])
    expect(output.trim()).not.toBe('')
  })

  test.each([
    [['wait', 'report', '--json']],
    [['wait', 'report', '1', '--json', '--nonsense']],
    [['wait', 'report', '1', '--json', '--timeout', 'redis://:open-sesame']],
    [['doctor', '--json', 'redis://:open-sesame@']],
  ])('%j: so that programs understand it', async (args) => {
    const { code, stdout, stderr } = await runCli(args)
    const { error } = JSON.parse(stdout) as { error: { code: string; message: string } }
    expect([code, stderr, error.code, error.message]).toEqual([
      2,
      '',
      'ERR_INVALID_ARGUMENT',
      expect.not.stringMatching(/sesame|^error/),
    ])
  })
})
