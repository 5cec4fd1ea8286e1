import { rejection, settle, start, watch } from './support/harness'

const coded = (code: string, message = 'as told'): Error => Object.assign(new Error(message), { code })

test('opens nothing before it is called: construction does not connect', async () => {
  const { transport } = start({}, { listen: ['report'] })
  await settle()
  expect(transport.log).toEqual([])
})

test('resolves when the publishing side stands and the names of option listen are subscribed', async () => {
  const { events, transport } = start({ manual: ['connect', 'subscribe'] }, { listen: ['a', 'b'] })
  const init = watch(events.init())
  await settle()
  expect(transport.log).toEqual(expect.arrayContaining(['connect', 'subscribe a', 'subscribe b']))
  const steps = [transport.subscribes.calls[0]!, transport.connects.last, transport.subscribes.calls[1]!]
  for (const step of steps) {
    expect(init.state).toBe('pending')
    step.answer()
    await settle()
  }
  expect(init.state).toBe('resolved')
})

test('without option listen it opens the publishing side only', async () => {
  const { events, transport } = start()
  await events.init()
  expect(transport.log).toEqual(['connect'])
  expect(events.stats()).toMatchObject({ inputStore: { connected: true }, outputStore: { connected: false } })
})

test('calls share one attempt, and after success all is done', async () => {
  const { events, transport } = start({}, { listen: ['report'] })
  await Promise.all([events.init(), events.init()])
  await events.init()
  expect(transport.log).toEqual(['subscribe report', 'connect'].sort(byLog(transport.log)))
  expect(transport.log).toHaveLength(2)
})

test('rejects at initTimeout with the last ConnectionError, while repair goes on', async () => {
  jest.useFakeTimers()
  const { events, transport, told } = start({ manual: ['connect'] }, { initTimeout: 2000 })
  const init = watch(events.init())
  await settle()
  transport.error('inputStore', coded('ERR_CONNECTION', 'refused at db:6379'))
  transport.error('inputStore', coded('ERR_CONNECTION', 'timed out at db:6379'))
  jest.advanceTimersByTime(1999)
  await settle()
  expect(init.state).toBe('pending')
  jest.advanceTimersByTime(1)
  await settle()
  expect(init.value).toMatchObject({ code: 'ERR_CONNECTION', message: 'timed out at db:6379' })
  expect(told.map(({ store, error }) => [store, error.message])).toEqual([
    ['inputStore', 'refused at db:6379'],
    ['inputStore', 'timed out at db:6379'],
  ])
  expect(events.stats().inputStore.lastError).toMatchObject({ message: 'timed out at db:6379' })
  // The connection comes later, and a second call goes through.
  transport.release()
  await events.init()
  expect(events.stats().inputStore.connected).toBe(true)
})

test('rejects at initTimeout with what to do when nothing was told', async () => {
  jest.useFakeTimers()
  const { events } = start({ manual: ['connect'] }, { initTimeout: 2000 })
  const init = watch(events.init())
  await settle()
  jest.advanceTimersByTime(2000)
  await settle()
  expect(init.value).toMatchObject({ code: 'ERR_CONNECTION', message: expect.stringContaining('2000 ms') })
})

test('does not blame an old error for a new lateness', async () => {
  jest.useFakeTimers()
  const { events, transport } = start({ manual: ['connect'] })
  transport.error('inputStore', coded('ERR_CONNECTION', 'long ago'))
  const init = watch(events.init())
  await settle()
  jest.advanceTimersByTime(10_000)
  await settle()
  expect(init.value.message).not.toContain('long ago')
})

test.each(['ERR_AUTH', 'ERR_FORBIDDEN'])('rejects at once with %s, and a call after it tries again', async (code) => {
  const { events, transport } = start({ manual: ['connect', 'subscribe'] }, { listen: ['report'] })
  const init = events.init()
  await settle()
  if (code === 'ERR_AUTH') transport.connects.last.reject(coded(code))
  else transport.subscribes.last.reject(coded(code))
  expect(await rejection(init)).toMatchObject({ code, message: 'as told' })
  transport.release()
  await events.init()
  expect(events.stats().inputStore.connected).toBe(true)
  expect(transport.receiver.wants({ name: 'report', id: '1' })).toBe(false)
  const wait = events.on('report', 1)
  transport.deliver({ name: 'report', id: '1' }, [])
  await wait
})

test('several callers of one attempt get an error each', async () => {
  const { events, transport } = start({ manual: ['connect'] })
  const inits = [events.init(), events.init()]
  await settle()
  transport.connects.last.reject(coded('ERR_AUTH'))
  const [first, second] = await Promise.all(inits.map(rejection))
  expect(first).toMatchObject({ code: 'ERR_AUTH' })
  expect(second).toMatchObject({ code: 'ERR_AUTH' })
  expect(first).not.toBe(second)
})

test('is optional: the first use connects', async () => {
  const { events, transport } = start()
  const wait = events.on('report', 1)
  await events.emit('report', 1)
  await wait
  expect(transport.connects.count).toBe(0)
})

function byLog(log: readonly string[]) {
  return (a: string, b: string): number => log.indexOf(a) - log.indexOf(b)
}
