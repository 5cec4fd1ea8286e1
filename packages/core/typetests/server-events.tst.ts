import type { ReportedError, EventId, EventStream, StandardSchemaV1, Transport, Wanted } from 'server-events'
import { ServerEvents } from 'server-events'
import { sealed } from 'server-events/sealed'
import { describe, expect, test } from 'tstyche'

declare const transport: Transport

describe('without a contract', () => {
  const events = new ServerEvents(transport)

  test('any name and any args go', () => {
    expect(events.emit).type.toBeCallableWith('pi event', 314, 'arg1', 1, { type: 'object' })
    expect(events.emit).type.toBeCallableWith('ping', 1)
    expect(events.on('pi event', 314)).type.toBe<Promise<any[]>>()
  })

  test('names among the options are no contract', () => {
    const listening = new ServerEvents(transport, { listen: ['report'], keep: 60_000 })
    expect(listening.emit).type.toBeCallableWith('ping', 1)
    const keeping = new ServerEvents(transport, { keep: { report: 60_000 } })
    expect(keeping.emit).type.toBeCallableWith('ping', 1)
    expect(keeping.on('report', 1)).type.toBe<Promise<any[]>>()
  })

  test('a name is a string', () => {
    expect(events.on).type.not.toBeCallableWith(314, 'pi event')
    expect(events.emit).type.not.toBeCallableWith(314, 'pi event')
  })
})

describe('with a contract', () => {
  interface Jobs {
    report: [url: string, pages: number]
    ping: []
  }
  const events = new ServerEvents<Jobs>(transport)

  test('a wait resolves with the args of its event', () => {
    expect(events.on('report', 1)).type.toBe<Promise<[url: string, pages: number]>>()
    expect(events.on('ping', 1)).type.toBe<Promise<[]>>()
    expect(events.peek('report', 1)).type.toBe<Promise<[url: string, pages: number] | undefined>>()
  })

  test('the callback of then() may take the args apart', () => {
    void events.on('report', 1).then(([url, pages]) => {
      expect(url).type.toBe<string>()
      expect(pages).type.toBe<number>()
    })
  })

  test('emit takes exactly the args of its event', () => {
    expect(events.emit).type.toBeCallableWith('report', 1, '/r/1.pdf', 7)
    expect(events.emit).type.toBeCallableWith('ping', 1)
    expect(events.emit).type.not.toBeCallableWith('report', 1)
    expect(events.emit).type.not.toBeCallableWith('report', 1, '/r/1.pdf')
    expect(events.emit).type.not.toBeCallableWith('report', 1, '/r/1.pdf', '7')
    expect(events.emit).type.not.toBeCallableWith('report', 1, '/r/1.pdf', 7, true)
    expect(events.emit).type.not.toBeCallableWith('ping', 1, 'pong')
  })

  test('a name is one of the contract', () => {
    expect(events.on).type.not.toBeCallableWith('reports', 1)
    expect(events.emit).type.not.toBeCallableWith('reports', 1, '/r/1.pdf', 7)
    expect(events.fail).type.not.toBeCallableWith('reports', 1, new Error())
    expect(events.listen).type.not.toBeCallableWith('reports')
    expect(events.peek).type.not.toBeCallableWith('reports', 1)
    expect(events.forget).type.not.toBeCallableWith('reports', 1)
  })

  test('a listener gets the id as a string, then the args', () => {
    expect(events.listen).type.toBeCallableWith('report')
    void events.listen('report', (id, url, pages) => {
      expect(id).type.toBe<string>()
      expect(url).type.toBe<string>()
      expect(pages).type.toBe<number>()
    })
    expect(events.listen).type.toBeCallableWith('report', async (id: string, url: string) => {
      await Promise.resolve([id, url])
    })
    expect(events.listen).type.not.toBeCallableWith('report', (id: number) => id)
    expect(events.listen).type.not.toBeCallableWith('report', (id: string, url: number) => [id, url])
  })
})

describe('with a schema', () => {
  interface Days {
    day: StandardSchemaV1<[day: string], [day: Date]>
  }
  const events = new ServerEvents<Days>(transport)

  test('emit takes what the schema takes, a wait gets what it makes', () => {
    expect(events.emit).type.toBeCallableWith('day', 1, '2026-01-01')
    expect(events.emit).type.not.toBeCallableWith('day', 1, new Date())
    expect(events.on('day', 1)).type.toBe<Promise<[day: Date]>>()
  })
})

describe('a stream', () => {
  const events = new ServerEvents<{ job: [progress: number, done: boolean]; day: StandardSchemaV1<[string], [Date]> }>(
    transport,
  )

  test('yields the args of its event', () => {
    expect(events.stream('job', 1)).type.toBe<EventStream<[progress: number, done: boolean]>>()
    expect(events.stream('job', 1)).type.toBeAssignableTo<AsyncIterableIterator<[progress: number, done: boolean]>>()
    expect(events.stream('day', 1)).type.toBe<EventStream<[Date]>>()
    expect(new ServerEvents(transport).stream('anything', 1)).type.toBe<EventStream<any[]>>()
  })

  test('may be taken apart in for await', async () => {
    for await (const [progress, done] of events.stream('job', 1)) {
      expect(progress).type.toBe<number>()
      expect(done).type.toBe<boolean>()
    }
    const result = await events.stream('job', 1).next()
    expect(result.done === true ? result.value : 'not done').type.toBe<'not done' | undefined>()
  })

  test('can be awaited and disposed of', () => {
    expect(events.stream('job', 1).ready).type.toBe<Promise<void>>()
    expect(events.stream('job', 1)).type.toBeAssignableTo<AsyncDisposable>()
  })

  test('takes options, and until takes the args', () => {
    const signal = AbortSignal.abort()
    expect(events.stream).type.toBeCallableWith('job', 1, { timeout: 1000, signal, recall: false, buffer: 10 })
    expect(events.stream).type.toBeCallableWith('job', 1, { until: (_progress: number, done: boolean) => done })
    void events.stream('job', 1, {
      until: (progress, done) => {
        expect(progress).type.toBe<number>()
        return done
      },
    })
    void events.stream('day', 1, {
      until: (day) => {
        expect(day).type.toBe<Date>()
        return true
      },
    })
    expect(events.stream).type.not.toBeCallableWith('job', 1, { until: (progress: string) => progress === '' })
    expect(events.stream).type.not.toBeCallableWith('job', 1, { until: () => Promise.resolve(true) })
    expect(events.stream).type.not.toBeCallableWith('job', 1, { size: 1 })
    expect(events.stream).type.not.toBeCallableWith('jobs', 1)
  })
})

describe('a request', () => {
  const events = new ServerEvents<{ report: [url: string, pages: number]; day: StandardSchemaV1<[string], [Date]> }>(
    transport,
  )

  test('resolves as a wait does', () => {
    expect(events.request('report', () => undefined)).type.toBe<Promise<[url: string, pages: number]>>()
    expect(events.request('day', () => undefined)).type.toBe<Promise<[Date]>>()
    expect(new ServerEvents(transport).request('anything', () => undefined)).type.toBe<Promise<any[]>>()
  })

  test('starts with an id and a signal, and may start by a promise or not', () => {
    void events.request('report', (id, signal) => {
      expect(id).type.toBe<string>()
      expect(signal).type.toBe<AbortSignal>()
    })
    expect(events.request).type.toBeCallableWith('report', async (id: string) => Promise.resolve(id))
    expect(events.request).type.not.toBeCallableWith('report', (id: number) => id)
    expect(events.request).type.not.toBeCallableWith('report')
    expect(events.request).type.not.toBeCallableWith('report', Promise.resolve())
    expect(events.request).type.not.toBeCallableWith('reports', () => undefined)
  })

  test('takes the options of a wait, and an id', () => {
    const signal = AbortSignal.abort()
    expect(events.request).type.toBeCallableWith('report', () => undefined, 5000)
    expect(events.request).type.toBeCallableWith('report', () => undefined, {
      id: 42n,
      timeout: 5000,
      signal,
      recall: false,
    })
    expect(events.request).type.not.toBeCallableWith('report', () => undefined, { id: true })
    expect(events.request).type.not.toBeCallableWith('report', () => undefined, { timeOut: 5000 })
    expect(events.on).type.not.toBeCallableWith('report', 1, { id: 42 })
  })
})

describe('wanted', () => {
  const events = new ServerEvents<{ report: [url: string] }>(transport)
  const wanted = events.wanted('report', 1)

  test('is no promise, but a signal and what is known now', () => {
    expect(wanted).type.toBe<Wanted>()
    expect(wanted.signal).type.toBe<AbortSignal>()
    expect(wanted.now).type.toBe<boolean | undefined>()
    expect(wanted.close).type.toBe<() => void>()
    expect(wanted).type.not.toHaveProperty('then')
  })

  test('is closed at the end of a block', () => {
    expect(wanted).type.toBeAssignableTo<Disposable>()
  })

  test('takes a name of the contract, an id, and how often and how long in ms', () => {
    expect(events.wanted).type.toBeCallableWith('report', 1n, { every: 1000, within: 500 })
    expect(events.wanted).type.toBeCallableWith('report', '1', {})
    expect(events.wanted).type.not.toBeCallableWith('reports', 1)
    expect(events.wanted).type.not.toBeCallableWith('report')
    expect(events.wanted).type.not.toBeCallableWith('report', 1, 1000)
    expect(events.wanted).type.not.toBeCallableWith('report', 1, { every: '1s' })
    expect(events.wanted).type.not.toBeCallableWith('report', 1, { often: 1000 })
  })
})

describe('sealed', () => {
  const secrets = ['a secret of sixteen bytes', new Uint8Array(16)] as const

  test('makes a transport of a transport and secrets, and needs both', () => {
    expect(sealed(transport, { secrets })).type.toBe<Transport>()
    expect(sealed).type.not.toBeCallableWith(transport)
    expect(sealed).type.not.toBeCallableWith(transport, {})
    expect(sealed).type.not.toBeCallableWith('redis://localhost', { secrets })
    // process.env.EVENTS_SECRET may be unset: the compiler asks for a look.
    expect(sealed).type.not.toBeCallableWith(transport, { secrets: [undefined] })
  })
})

describe('ids', () => {
  const events = new ServerEvents<{ ping: [] }>(transport)

  test('are strings, numbers and bigints', () => {
    expect<EventId>().type.toBe<string | number | bigint>()
    expect(events.on).type.toBeCallableWith('ping', '1')
    expect(events.on).type.toBeCallableWith('ping', 1n)
  })

  test('that are made are strings', () => {
    expect(events.createId()).type.toBe<string>()
    expect(events.createId).type.not.toBeCallableWith('ping')
  })

  test('are nothing else', () => {
    expect(events.on).type.not.toBeCallableWith('ping')
    expect(events.on).type.not.toBeCallableWith('ping', { id: 1 })
    expect(events.on).type.not.toBeCallableWith('ping', undefined)
    expect(events.emit).type.not.toBeCallableWith('ping', Symbol('1'))
    expect(events.fail).type.not.toBeCallableWith('ping', true, new Error())
  })
})

describe('options', () => {
  const events = new ServerEvents<{ ping: []; pong: [] }>(transport)

  test('of a wait are a timeout in ms, or an object', () => {
    expect(events.on).type.toBeCallableWith('ping', 1, 5000)
    expect(events.on).type.toBeCallableWith('ping', 1, { timeout: 5000, signal: AbortSignal.abort(), recall: false })
    expect(events.on).type.not.toBeCallableWith('ping', 1, '5s')
    expect(events.on).type.not.toBeCallableWith('ping', 1, { timeOut: 5000 })
    expect(events.on).type.not.toBeCallableWith('ping', 1, { signal: new AbortController() })
  })

  test('of the instance know the names of the contract', () => {
    expect(ServerEvents<{ ping: [] }>).type.toBeConstructableWith(transport)
    expect(ServerEvents<{ ping: [] }>).type.toBeConstructableWith(transport, {
      timeout: 1000,
      listen: ['ping'],
      keep: { ping: 60_000 },
      maxPayload: 1024,
      maxPending: 10,
      initTimeout: 1000,
      backstop: 1000,
      headers: (name: string, id: string) => ({ name, id }),
    })
    expect(ServerEvents<{ ping: [] }>).type.toBeConstructableWith(transport, { keep: 60_000 })
    expect(ServerEvents<{ ping: [] }>).type.toBeConstructableWith(transport, { keep: { ping: { ms: 1, once: true } } })
    expect(ServerEvents<{ ping: [] }>).type.toBeConstructableWith(transport, { keep: { ping: { ms: 1 } } })
    expect(ServerEvents<{ ping: [] }>).type.not.toBeConstructableWith(transport, { keep: { ping: { once: true } } })
    expect(ServerEvents<{ ping: [] }>).type.not.toBeConstructableWith(transport, { keep: { ms: 1, once: true } })
    expect(ServerEvents<{ ping: [] }>).type.not.toBeConstructableWith(transport, {
      keep: { ping: { ms: 1, once: false } },
    })
    expect(ServerEvents<{ ping: [] }>).type.not.toBeConstructableWith(transport, { listen: ['pong'] })
    expect(ServerEvents<{ ping: [] }>).type.not.toBeConstructableWith(transport, { keep: { pong: 60_000 } })
    expect(ServerEvents<{ ping: [] }>).type.not.toBeConstructableWith(transport, { timeOut: 1000 })
    expect(ServerEvents<{ ping: [] }>).type.not.toBeConstructableWith()
    expect(ServerEvents<{ ping: [] }>).type.not.toBeConstructableWith({ host: 'localhost' })
  })

  test('of close are a drain in ms', () => {
    expect(events.close).type.toBeCallableWith()
    expect(events.close).type.toBeCallableWith({ drain: 1000 })
    expect(events.close).type.not.toBeCallableWith(1000)
  })
})

describe('what comes back', () => {
  const events = new ServerEvents<{ ping: [] }>(transport)

  test('of the calls that send is a promise of nothing', () => {
    expect(events.emit('ping', 1)).type.toBe<Promise<void>>()
    expect(events.fail('ping', 1, new Error('no'))).type.toBe<Promise<void>>()
    expect(events.forget('ping', 1)).type.toBe<Promise<void>>()
    expect(events.init()).type.toBe<Promise<void>>()
    expect(events.close()).type.toBe<Promise<void>>()
  })

  test('of the listeners is a function that removes them', () => {
    const remove = events.onerror((store, error) => {
      expect(store).type.toBe<'inputStore' | 'outputStore'>()
      expect(error).type.toBe<ReportedError>()
    })
    expect(remove).type.toBeCallableWith()
    void events.onready((store) => {
      expect(store).type.toBe<'inputStore' | 'outputStore'>()
    })
  })

  test('can be disposed of', () => {
    expect(events).type.toBeAssignableTo<AsyncDisposable>()
    expect(events.listen('ping')).type.toBeAssignableTo<Promise<AsyncDisposable>>()
  })

  test('has a settable timeout', () => {
    events.timeout = 1000
    expect(events.timeout).type.toBe<number>()
  })
})
