import { rejection, start } from './support/harness'

const failing = (more: object): Error => Object.assign(new Error('no disk'), more)

describe('a failure fits maxPayload, whatever its error holds', () => {
  test.each<[string, number, unknown, object]>([
    ['a long message', 200, new RangeError('x'.repeat(2_000_000)), { remoteName: 'RangeError' }],
    [
      'a long message, with a code',
      100,
      failing({ message: 'SELECT '.repeat(100_000), code: 'E_SQL' }),
      { remoteCode: 'E_SQL' },
    ],
    [
      'a long message and data',
      100,
      failing({ message: 'x'.repeat(500), data: { sql: 'x'.repeat(500) } }),
      { data: undefined },
    ],
    ['data alone', 100, failing({ data: 'x'.repeat(500) }), { message: 'no disk', data: undefined }],
    ['a message of 3 bytes a character', 99, new Error('語'.repeat(5000)), {}],
    ['a message of 4 bytes a character', 101, new Error('😀'.repeat(5000)), {}],
    ['a message that JSON escapes', 120, new Error('\u0001"\\\n'.repeat(5000)), {}],
    ['a long text', 90, 'x'.repeat(5000), { remoteName: 'Error' }],
    ['a long name', 90, failing({ name: 'N'.repeat(5000) }), { message: '' }],
    ['a long code', 90, failing({ code: 'C'.repeat(5000) }), { message: '', remoteName: '' }],
    ['hardly any room', 25, failing({ code: 'E_SQL', data: 1 }), {}],
  ])('%s', async (_, maxPayload, error, expected) => {
    const { events, transport, told } = start({}, { maxPayload })
    const wait = rejection(events.on('report', 1))
    await events.fail('report', 1, error)
    const failed = await wait
    expect(failed).toMatchObject({ code: 'ERR_REMOTE', ...expected })
    const body = transport.publishes.last.asked.message.body as string
    expect(Buffer.byteLength(body)).toBeLessThanOrEqual(Math.max(maxPayload, 40))
    const given = typeof error === 'string' ? error : (error as Error).message
    expect(given.startsWith(failed.message)).toBe(true)
    expect(failed.message.isWellFormed()).toBe(true)
    expect(told.map(({ store, error: { code } }) => [store, code])).toEqual([['inputStore', 'ERR_SERIALIZATION']])
    expect(told[0]!.error.message).toMatch(
      /^a failure of event "report" cannot travel as it is.*: its (data|message|name|code)/,
    )
  })

  test('nothing is cut that fits, and as little as can be of what does not', async () => {
    for (const length of [10, 50, 51, 52, 53, 54, 55, 60]) {
      const { events, transport, told } = start({}, { maxPayload: 80 })
      await events.fail('report', 1, new Error('x'.repeat(length)))
      const body = transport.publishes.last.asked.message.body as string
      const whole = JSON.stringify({ name: 'Error', message: 'x'.repeat(length) })
      expect(body.length).toBe(Math.min(80, whole.length))
      expect(told).toHaveLength(whole.length > 80 ? 1 : 0)
    }
  })

  test('what is cut is cut to what every transport carries', async () => {
    const { events, transport } = start()
    await events.fail('report', 1, new Error('x'.repeat(2_000_000)))
    expect(transport.publishes.last.asked.message.body).toHaveLength(48_000)
    await events.fail('report', 2, new Error('x'.repeat(1_000_000)))
    expect((transport.publishes.last.asked.message.body as string).length).toBeGreaterThan(1_000_000)
  })

  test('what this transport does not carry is sent again as what every one has to carry', async () => {
    const { events, transport, told } = start()
    const publish = transport.publish.bind(transport)
    jest
      .spyOn(transport, 'publish')
      .mockImplementation((to, message) =>
        message.body.length > 100_000
          ? Promise.reject(Object.assign(new Error('too large for max_payload'), { code: 'ERR_PAYLOAD_TOO_LARGE' }))
          : publish(to, message),
      )
    const wait = rejection(events.on('report', 1))
    await events.fail('report', 1, failing({ message: 'x'.repeat(200_000), code: 'E_SQL', data: { sql: 'x' } }))
    const failed = await wait
    expect(failed).toMatchObject({ code: 'ERR_REMOTE', remoteCode: 'E_SQL', data: undefined })
    expect(failed.message).toMatch(/^x{47000}/)
    expect(told.map(({ error }) => error.code)).toEqual(['ERR_PAYLOAD_TOO_LARGE', 'ERR_SERIALIZATION'])
  })

  test('what is refused for another reason is not sent again', async () => {
    const { events, transport } = start()
    const publish = jest
      .spyOn(transport, 'publish')
      .mockRejectedValue(Object.assign(new Error('no'), { code: 'ERR_AUTH' }))
    const error = await rejection(events.fail('report', 1, new Error('x'.repeat(200_000))))
    expect(error).toMatchObject({ code: 'ERR_AUTH' })
    expect(publish).toHaveBeenCalledTimes(1)
  })

  test('headers that are too large are left out', async () => {
    const { events, transport, told } = start({}, { maxPayload: 100, headers: () => ({ trace: 'x'.repeat(200) }) })
    const wait = rejection(events.on('report', 1))
    await events.fail('report', 1, new Error('no'))
    expect(await wait).toMatchObject({ code: 'ERR_REMOTE', message: 'no' })
    expect(transport.publishes.last.asked.message.headers).toBeUndefined()
    expect(told[0]!.error.message).toContain('headers were left out')
  })
})
