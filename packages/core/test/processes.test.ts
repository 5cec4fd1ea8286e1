import { runChild } from './support/child'

/** Runs `body` at the top of an async function; the process says how it ended and exits by itself. */
async function linesOf(body: string): Promise<readonly string[]> {
  const { code, lines, stderr } = await runChild(`
    process.on('exit', () => say('exit'))
    const outcome = (promise) => promise.then(() => say('resolved'), (error) => say(error.code))
    async function main() {
      ${body}
    }
    main()
  `)
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
  return lines
}

// Unref'd timers of the transport: they come only if something else holds the process until then.
const late = (work: string): string => `setTimeout(() => { ${work} }, 100).unref()`
const instance = (options: string, scripted: string): string => `
  const transport = new ScriptedTransport(${scripted})
  const events = new ServerEvents(transport, ${options})
  events.onerror(() => {})
`

describe('rule 10: a pending promise holds the process until it settles', () => {
  test.each([
    ['a wait, to its timeout', '{}', `outcome(events.on('report', 1, 100))`, 'ERR_TIMEOUT'],
    [
      'a wait, to its event',
      '{}',
      `outcome(events.on('report', 1)); ${late(`transport.deliver({ name: 'report', id: '1' }, [])`)}`,
      'resolved',
    ],
    [
      'a wait that came when none was pending',
      '{}',
      `const first = events.on('report', 1, 100); await tick(); transport.deliver({ name: 'report', id: '1' }, []); await first; outcome(events.on('report', 2, 200))`,
      'ERR_TIMEOUT',
    ],
    [
      'an emit',
      `{ manual: ['publish'] }`,
      `outcome(events.emit('report', 1)); ${late('transport.release()')}`,
      'resolved',
    ],
    [
      'a fail',
      `{ manual: ['publish'] }`,
      `outcome(events.fail('report', 1, 'failed')); ${late('transport.release()')}`,
      'resolved',
    ],
    ['init', `{ manual: ['connect'] }`, `outcome(events.init()); ${late('transport.release()')}`, 'resolved'],
    [
      'listen',
      `{ manual: ['subscribe'] }`,
      `outcome(events.listen('report')); ${late('transport.release()')}`,
      'resolved',
    ],
    [
      'peek',
      `{ keeper: true, manual: ['recall'] }`,
      `outcome(events.peek('report', 1)); ${late('transport.release()')}`,
      'resolved',
    ],
    [
      'forget',
      `{ keeper: true, manual: ['forget'] }`,
      `outcome(events.forget('report', 1)); ${late('transport.release()')}`,
      'resolved',
    ],
    ['close', `{ manual: ['close'] }`, `outcome(events.close()); ${late('transport.release()')}`, 'resolved'],
  ])('%s', async (_, scripted, body, expected) => {
    expect(await linesOf(instance('{}', scripted) + body)).toEqual([expected, 'exit'])
  })

  test('a drain, by the waits that it waits for', async () => {
    const body = `outcome(events.on('report', 1, 100)); outcome(events.close({ drain: 60_000 }))`
    expect(await linesOf(instance('{}', '{}') + body)).toEqual(['ERR_TIMEOUT', 'resolved', 'exit'])
  })
})

describe('rule 10: without close, these do not hold the process', () => {
  test.each([
    ['an instance that was never used', '{}', '{}', ''],
    [
      'a lingering subscription',
      '{}',
      '{}',
      `const wait = events.on('report', 1); await events.emit('report', 1); await wait`,
    ],
    ['a wait that has ended', '{}', '{}', `await events.on('report', 1, 20).catch(() => {})`],
    [
      'a settled wait with a timeout of hours',
      '{}',
      '{}',
      `const wait = events.on('report', 1, 1e7); await events.emit('report', 1); await wait`,
    ],
    ['a listener', '{}', '{}', `await events.listen('report', () => {})`],
    [
      'the backstop',
      '{ keep: 60_000 }',
      '{ keeper: true }',
      `const wait = events.on('report', 1); await tick(); transport.deliver({ name: 'report', id: '1' }, []); await wait`,
    ],
    ['an init that has ended', `{ listen: ['report'] }`, '{}', `await events.init()`],
    [
      'a refused subscription that is tried again',
      `{ listen: ['report'] }`,
      '{}',
      `await events.init(); transport.lost({ name: 'report' }, new Error('lost'))`,
    ],
    [
      'recalls after an interruption',
      '{ keep: 60_000 }',
      '{ keeper: true }',
      `const wait = events.on('report', 1); await tick(); transport.down('outputStore'); transport.up('outputStore'); transport.deliver({ name: 'report', id: '1' }, []); await wait`,
    ],
  ])('%s', async (_, options, scripted, body) => {
    expect(await linesOf(instance(options, scripted) + body)).toEqual(['exit'])
  })
})

test('after close nothing of it holds the process, whatever was under way', async () => {
  const body = `
    for (const promise of [
      events.on('report', 1, 1e6), events.on('other', 1, { timeout: 1e6, signal: new AbortController().signal }),
      events.listen('report'), events.init(), events.emit('report', 1), events.peek('report', 2),
    ]) promise.catch(() => {})
    await events.close()
    say('closed')
  `
  const options = `{ keep: 60_000, listen: ['a'] }`
  expect(await linesOf(instance(options, `{ keeper: true, manual: ['subscribe', 'connect'] }`) + body)).toEqual([
    'closed',
    'exit',
  ])
})
