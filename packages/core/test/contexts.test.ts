import hooks, { AsyncLocalStorage } from 'node:async_hooks'
import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { runChild } from './support/child'
import { rejection, settle, start } from './support/harness'

const storage = new AsyncLocalStorage<string>()
const here = (): string => storage.getStore() ?? 'none'

describe('AsyncLocalStorage', () => {
  test('what a transport is asked runs in no request, whichever needed it first', async () => {
    const { events, transport } = start({ keeper: true }, { keep: { kept: 1000 } })
    const seen = new Map<string, string>()
    for (const method of ['connect', 'subscribe', 'unsubscribe', 'publish', 'close'] as const) {
      const original = transport[method].bind(transport) as (...args: unknown[]) => Promise<void>
      jest.spyOn(transport, method).mockImplementation((...args: unknown[]) => {
        seen.set(method, here())
        return original(...args)
      })
    }
    for (const method of ['publish', 'recall', 'forget'] as const) {
      const original = transport.keeper![method].bind(transport.keeper) as (...args: unknown[]) => Promise<any>
      jest.spyOn(transport.keeper!, method).mockImplementation((...args: unknown[]) => {
        seen.set(`keeper.${method}`, here())
        return original(...args)
      })
    }
    await storage.run('first', async () => {
      await events.init()
      const wait = events.on('report', 1)
      await events.emit('report', 1)
      await wait
      void events.on('kept', 1, 1000)
      await events.emit('kept', 1)
      await events.peek('kept', 1)
      await events.forget('kept', 1)
      await events.close()
    })
    expect(Object.fromEntries(seen)).toEqual({
      connect: 'none',
      subscribe: 'none',
      publish: 'none',
      close: 'none',
      'keeper.publish': 'none',
      'keeper.recall': 'none',
      'keeper.forget': 'none',
    })
  })

  test('a listener runs in the context of its call, and a wait goes on in its own', async () => {
    const { events, transport } = start()
    const seen: string[] = []
    const see = (what: string): number => seen.push(`${what} ${here()}`)
    await storage.run('A', () => events.listen('report', () => see('listener')))
    storage.run('B', () => events.onerror(() => see('onerror')))
    storage.run('C', () => events.onready(() => see('onready')))
    const stream = storage.run('D', () => events.stream('report', 1, { until: () => see('until') > 0 }))
    const wait = storage.run('E', () => events.on('report', 1).then(() => see('wait')))
    await settle()
    storage.run('other', () => {
      transport.deliver({ name: 'report', id: '1' }, [])
      transport.error('inputStore', new Error('away'))
      transport.up('inputStore')
    })
    await wait
    await stream.next()
    await settle()
    expect(new Set(seen)).toEqual(new Set(['onready C', 'until D', 'listener A', 'onerror B', 'onready C', 'wait E']))
  })

  test('what serves several requests at once is told in the context of none of them', async () => {
    const { events, transport } = start({ keeper: true, manual: ['subscribe'] }, { keep: { kept: 1000 } })
    const seen = new Set<string>()
    const see = (name: string) => (): unknown => seen.add(`${name} ${here()}`)
    const heard = ['wait:settle', 'stream:end', 'event:emit', 'event:receive'].map(
      (name) => [`server-events:${name}`, see(name)] as const,
    )
    for (const [name, listener] of heard) subscribe(name, listener)
    try {
      const of = <T>(request: string, work: () => T): T => storage.run(request, work)
      const waits = ['A', 'B'].map((request) => of(request, () => events.on('kept', request)))
      const stream = of('C', () => events.stream('kept', 'A', { until: () => true }))
      for (const id of ['A', 'B']) transport.keep({ name: 'kept', id }, { kind: 'event', body: '[]', kept: true })
      await settle()
      transport.subscribes.last.answer()
      await Promise.all([...waits, stream.next()])
      const refused = ['D', 'E'].map((request) => of(request, () => rejection(events.on('other', 1))))
      await settle()
      transport.subscribes.last.reject(Object.assign(new Error('no'), { code: 'ERR_FORBIDDEN' }))
      await Promise.all(refused)
      const published = Promise.resolve()
      jest.spyOn(transport, 'publish').mockReturnValue(published)
      await Promise.all(['F', 'G'].map((request) => of(request, () => events.emit('third', 1))))
    } finally {
      for (const [name, listener] of heard) unsubscribe(name, listener)
    }
    expect([...seen].sort()).toEqual(['event:emit none', 'event:receive none', 'stream:end none', 'wait:settle none'])
  })

  test('a timer runs in no request: a later wait times out as nobody, and the first request can be collected', async () => {
    const { lines, stderr } = await runChild(
      `
      const { AsyncLocalStorage } = require('node:async_hooks')
      const { channel } = require('node:diagnostics_channel')
      const storage = new AsyncLocalStorage()
      async function main() {
        const events = new ServerEvents(new ScriptedTransport({ keeper: true }), { keep: 60_000, listen: ['report'] })
        const seen = []
        channel('server-events:wait:timeout').subscribe(() => seen.push(String(storage.getStore()?.name)))
        let first = { name: 'first', load: Buffer.alloc(1000) }
        const ref = new WeakRef(first)
        await storage.run(first, async () => {
          await events.init()
          const wait = events.on('report', 1, 1000)
          await events.emit('report', 1)
          await wait
          await events.on('report', 2, 30).catch(() => {})
        })
        first = undefined
        await storage.run({ name: 'second' }, () => events.on('report', 3, 60).catch(() => {}))
        for (let turns = 0; turns < 20; turns++) { await tick(); gc() }
        say(ref.deref() === undefined ? 'collected' : 'alive')
        say(seen.join(' '))
        await events.close()
      }
      main()
      `,
      { execArgv: ['--expose-gc'] },
    )
    expect({ lines, stderr }).toEqual({ lines: ['collected', 'undefined undefined'], stderr: '' })
  })
})

test('instances do not each keep a storage, which would make every promise of the process dearer', async () => {
  const runs = jest.spyOn(AsyncLocalStorage.prototype, 'run')
  const makes = jest.spyOn(hooks, 'AsyncLocalStorage')
  for (let count = 0; count < 3; count++) {
    const { events, transport, told } = start()
    transport.error('inputStore', Object.assign(new Error('away'), { code: 'ERR_CONNECTION' }))
    expect(told).toHaveLength(1)
    expect(runs).not.toHaveBeenCalled()
    await expect(events.emit('', 1)).rejects.toThrow()
    await settle()
    expect(runs).toHaveBeenCalledTimes(1)
    runs.mockClear()
  }
  expect(makes).not.toHaveBeenCalled()
  jest.restoreAllMocks()
})
