import { parse, stringify } from 'devalue'
import { pack, unpack } from 'msgpackr'
import type { Codec } from 'server-events'
import { onEveryTransport } from './support/stage'

const rich: Codec = { encode: (args) => stringify(args), decode: (body) => parse(String(body)) as unknown[] }
const binary: Codec = {
  encode: (args) => pack(args),
  decode: (body) => unpack(Buffer.from(body as Uint8Array)) as unknown[],
}
const values = [new Date(0), 12n, 'ü\n\0', [null, { a: 1.5 }]]

onEveryTransport(({ connect }) => {
  test.each([
    ['devalue', rich, [...values, new Map([['a', new Set([1])]])]],
    ['msgpackr', binary, [...values, Buffer.from([0, 10, 13, 255])]],
  ])('a codec of %s carries what JSON does not, to waits and listeners and from the store', async (id, codec, args) => {
    const options = { codec, keep: 60_000 }
    const [worker, api] = [connect(options), connect(options)]
    const heard = new Promise((resolve) => {
      void api.listen('report', (...event) => {
        resolve(event)
      })
    })
    await api.listen('report')
    const wait = api.on('report', id)
    await worker.emit('report', id, ...args)
    expect(await wait).toEqual(args)
    expect(await heard).toEqual([id, ...args])
    expect(await api.on('report', id)).toEqual(args)
    expect(await api.peek('report', id)).toEqual(args)
  })

  test('failures are JSON, whatever the codec', async () => {
    const [worker, api] = [connect({ codec: binary }), connect({ codec: rich })]
    await api.listen('report')
    const wait = api.on('report', 1)
    await worker.fail('report', 1, Object.assign(new Error('no'), { data: { at: new Date(0) } }))
    await expect(wait).rejects.toMatchObject({ message: 'no', data: { at: '1970-01-01T00:00:00.000Z' } })
  })

  test('what a peer with another codec sends is told once and dropped', async () => {
    const [worker, api] = [connect({ codec: binary }), connect()]
    const told: unknown[] = []
    api.onerror((store, error) => told.push([store, (error as { code?: unknown }).code]))
    await api.listen('report')
    const wait = api.on('report', 1)
    await worker.emit('report', 1, 'of msgpackr')
    await worker.emit('report', 1, 'again')
    await connect().emit('report', 1, 'of JSON')
    expect(await wait).toEqual(['of JSON'])
    expect(told).toEqual([['outputStore', 'ERR_SERIALIZATION']])
  })
})
