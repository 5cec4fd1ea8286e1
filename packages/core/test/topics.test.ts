import { rejection, settle, start, watch } from './support/harness'

const forbidden = (): Error =>
  Object.assign(new Error('no permission for channel se:report'), { code: 'ERR_FORBIDDEN', channel: 'se:report' })

describe('one subscription', () => {
  test('routing name: one per name for all its waits', async () => {
    const { events, transport } = start()
    const waits = [events.on('report', 1), events.on('report', 2), events.on('other', 1)].map(watch)
    await settle()
    expect(transport.log).toEqual(['subscribe report', 'subscribe other'])
    expect(waits.every(({ state }) => state === 'pending')).toBe(true)
  })

  test('routing id: one per (name, id) for all its waits', async () => {
    const { events, transport } = start({ routing: 'id' })
    for (const id of [1, 1, 2]) void events.on('report', id)
    await settle()
    expect(transport.log).toEqual(['subscribe report:1', 'subscribe report:2'])
  })

  test('routing id: it stays as long as one of its waits does', async () => {
    const { events, transport } = start({ routing: 'id' })
    const controller = new AbortController()
    const first = events.on('report', 1, { signal: controller.signal })
    const second = events.on('report', 1)
    await settle()
    controller.abort()
    await rejection(first)
    await settle()
    expect(transport.unsubscribes.count).toBe(0)
    transport.deliver({ name: 'report', id: '1' }, [])
    await second
    expect(transport.unsubscribes.count).toBe(1)
  })

  test('is not ended while it is being made: it is confirmed first', async () => {
    const { events, transport } = start({ routing: 'id', manual: ['subscribe'] })
    await rejection(events.on('report', 1, 1))
    await settle()
    expect(transport.log).toEqual(['subscribe report:1'])
    transport.subscribes.last.answer()
    await settle()
    expect(transport.log).toEqual(['subscribe report:1', 'unsubscribe report:1'])
    expect(events.stats().names).toBe(0)
  })
})

describe('rule 5: a wait during unsubscribing', () => {
  test('subscribes again when that has settled, not before', async () => {
    const { events, transport } = start({ routing: 'id', manual: ['unsubscribe'] })
    const first = events.on('report', 1)
    await settle()
    transport.deliver({ name: 'report', id: '1' }, [])
    await first
    const second = events.on('report', 1)
    await settle()
    expect(transport.log).toEqual(['subscribe report:1', 'unsubscribe report:1'])
    transport.unsubscribes.last.answer()
    await settle()
    expect(transport.log).toEqual(['subscribe report:1', 'unsubscribe report:1', 'subscribe report:1'])
    transport.deliver({ name: 'report', id: '1' }, ['again'])
    expect(await second).toEqual(['again'])
  })

  test('that ended before is not subscribed for', async () => {
    const { events, transport } = start({ routing: 'id', manual: ['unsubscribe'] })
    const first = events.on('report', 1)
    await settle()
    transport.deliver({ name: 'report', id: '1' }, [])
    await first
    await rejection(events.on('report', 1, 1))
    transport.unsubscribes.last.answer()
    await settle()
    expect(transport.log).toEqual(['subscribe report:1', 'unsubscribe report:1'])
    expect(events.stats().names).toBe(0)
  })

  test('an unsubscribe that rejects or throws, against the contract, does no harm', async () => {
    const { events, transport } = start({ routing: 'id' })
    jest.spyOn(transport, 'unsubscribe').mockRejectedValueOnce(new Error('lost'))
    jest.spyOn(transport, 'unsubscribe').mockImplementationOnce(() => {
      throw new Error('lost')
    })
    for (let round = 1; round <= 3; round++) {
      const wait = events.on('report', 1)
      await settle()
      transport.deliver({ name: 'report', id: '1' }, [round])
      expect(await wait).toEqual([round])
      await settle()
    }
    expect(transport.subscribes.count).toBe(3)
    expect(events.stats().names).toBe(0)
  })
})

describe('rule 5: linger', () => {
  test('routing name: an unused subscription stays for 30 s', async () => {
    jest.useFakeTimers()
    const { events, transport } = start()
    const wait = events.on('report', 1)
    await settle()
    transport.deliver({ name: 'report', id: '1' }, [])
    await wait
    jest.advanceTimersByTime(29_999)
    await settle()
    expect(transport.unsubscribes.count).toBe(0)
    expect(events.stats().names).toBe(1)
    jest.advanceTimersByTime(1)
    await settle()
    expect(transport.log).toEqual(['subscribe report', 'unsubscribe report'])
    expect(events.stats().names).toBe(0)
  })

  test('a use in between starts it anew: it is never shorter than 30 s, nor longer than 60', async () => {
    jest.useFakeTimers()
    const { events, transport } = start()
    const use = async (): Promise<void> => {
      const wait = events.on('report', 1)
      await settle()
      transport.deliver({ name: 'report', id: '1' }, [])
      await wait
    }
    await use()
    jest.advanceTimersByTime(20_000)
    await use()
    jest.advanceTimersByTime(29_999)
    await settle()
    expect(transport.unsubscribes.count).toBe(0)
    jest.advanceTimersByTime(30_001)
    await settle()
    expect(transport.log).toEqual(['subscribe report', 'unsubscribe report'])
  })

  test('a wait pending when it ends keeps the subscription, which lingers anew after it', async () => {
    jest.useFakeTimers()
    const { events, transport } = start()
    await rejection(end(events.on('report', 1, 1)))
    const long = watch(events.on('report', 2, 100_000))
    jest.advanceTimersByTime(99_999)
    await settle()
    expect(long.state).toBe('pending')
    expect(transport.unsubscribes.count).toBe(0)
    jest.advanceTimersByTime(30_001)
    await settle()
    expect(long.state).toBe('rejected')
    expect(transport.log).toEqual(['subscribe report', 'unsubscribe report'])

    function end(wait: Promise<unknown>): Promise<unknown> {
      jest.advanceTimersByTime(1)
      return wait
    }
  })

  test('routing id: none', async () => {
    const { events, transport } = start({ routing: 'id' })
    const wait = events.on('report', 1)
    await settle()
    transport.deliver({ name: 'report', id: '1' }, [])
    await wait
    await settle()
    expect(transport.log).toEqual(['subscribe report:1', 'unsubscribe report:1'])
    expect(events.stats().names).toBe(0)
  })

  test('names of option listen stay subscribed', async () => {
    jest.useFakeTimers()
    const { events, transport } = start({}, { listen: ['report'] })
    const wait = events.on('report', 1)
    await settle()
    transport.deliver({ name: 'report', id: '1' }, [])
    await wait
    jest.advanceTimersByTime(100_000)
    await settle()
    expect(transport.unsubscribes.count).toBe(0)
  })
})

describe.each(['name', 'id'] as const)('refused, routing %s', (routing) => {
  const topic = routing === 'name' ? { name: 'report' } : { name: 'report', id: '1' }

  test('`lost` rejects the waits of that topic only, and the next wait tries afresh', async () => {
    const { events, transport } = start({ routing })
    const waits = [events.on('report', 1), events.on('report', 1)]
    const other = watch(events.on('other', 1))
    await settle()
    transport.lost(topic, forbidden())
    for (const wait of waits) {
      expect(await rejection(wait)).toMatchObject({ code: 'ERR_FORBIDDEN', channel: 'se:report' })
    }
    expect(events.stats()).toMatchObject({ pending: 1, names: 1, settled: { refused: 2 } })
    const next = events.on('report', 1)
    await settle()
    expect(transport.subscribes.count).toBe(3)
    transport.deliver({ name: 'report', id: '1' }, ['fresh'])
    expect(await next).toEqual(['fresh'])
    expect(other.state).toBe('pending')
  })

  test('a refused subscribe rejects its waits, and the next wait tries afresh', async () => {
    const { events, transport } = start({ routing, manual: ['subscribe'] })
    const wait = events.on('report', 1)
    transport.subscribes.last.reject(forbidden())
    expect(await rejection(wait)).toMatchObject({
      code: 'ERR_FORBIDDEN',
      message: expect.stringContaining('se:report'),
    })
    expect(events.stats()).toMatchObject({ pending: 0, names: 0 })
    transport.release()
    const next = events.on('report', 1)
    await settle()
    transport.deliver({ name: 'report', id: '1' }, ['fresh'])
    expect(await next).toEqual(['fresh'])
  })

  test('a subscribe that throws instead, against the contract, is a refusal too', async () => {
    const { events, transport } = start({ routing })
    jest.spyOn(transport, 'subscribe').mockImplementation(() => {
      throw forbidden()
    })
    expect(await rejection(events.on('report', 1))).toMatchObject({ code: 'ERR_FORBIDDEN' })
    expect(await rejection(events.listen('report'))).toMatchObject({ code: 'ERR_FORBIDDEN' })
    expect(events.stats()).toMatchObject({ pending: 0, names: 0 })
  })
})

describe('refused, with listeners', () => {
  test('it is told on onerror and tried again every `backstop` ms until it stands', async () => {
    jest.useFakeTimers()
    const { events, transport, told } = start({}, { backstop: 5000 })
    const heard: string[] = []
    await events.listen('report', (id) => heard.push(id))
    transport.subscribes.manual = true
    transport.lost({ name: 'report' }, forbidden())
    expect(told).toEqual([{ store: 'outputStore', error: expect.objectContaining({ code: 'ERR_FORBIDDEN' }) }])
    expect(events.stats().outputStore.lastError).toMatchObject({ code: 'ERR_FORBIDDEN' })
    jest.advanceTimersByTime(4999)
    expect(transport.subscribes.count).toBe(1)
    jest.advanceTimersByTime(1)
    expect(transport.subscribes.count).toBe(2)
    transport.subscribes.last.reject(forbidden())
    await settle()
    expect(told).toHaveLength(2)
    jest.advanceTimersByTime(5000)
    transport.subscribes.last.answer()
    await settle()
    transport.deliver({ name: 'report', id: '1' }, [])
    expect(heard).toEqual(['1'])
    jest.advanceTimersByTime(20_000)
    expect(transport.subscribes.count).toBe(3)
  })

  test('an onerror listener may use the instance: nothing of what it starts is lost', async () => {
    const { events, transport } = start()
    const listening = await events.listen('report', () => {})
    let wait: Promise<unknown> | undefined
    events.onerror(() => {
      void listening.close()
      wait ??= events.on('report', 1)
    })
    transport.lost({ name: 'report' }, forbidden())
    await settle()
    expect(events.stats()).toMatchObject({ pending: 1, names: 1 })
    transport.deliver({ name: 'report', id: '1' }, ['heard'])
    expect(await wait).toEqual(['heard'])
  })
})
