// What server-events is for, on two instances that could be two processes.
import assert from 'node:assert/strict'
import { InvalidArgumentError, RemoteError, TimeoutError } from 'server-events'
import { connect, main, rejection } from './support.mjs'

await main({
  'an event settles the wait for its id, and no other': async () => {
    const [api, worker] = [connect({ listen: ['report'] }), connect()]
    await api.init()
    const ids = Array.from({ length: 200 }, () => api.createId())
    const waits = ids.map((id) => api.on('report', id))
    await Promise.all([...ids].reverse().map((id) => worker.emit('report', id, `/reports/${id}.pdf`, { id })))
    assert.deepEqual(
      await Promise.all(waits),
      ids.map((id) => [`/reports/${id}.pdf`, { id }]),
    )
  },
  'an emit right after the wait, in one process': async () => {
    const events = connect()
    const wait = events.on('job', 1)
    await events.emit('job', 1, 'done')
    assert.deepEqual(await wait, ['done'])
  },
  'a failure rejects the wait': async () => {
    const [api, worker] = [connect({ listen: ['report'] }), connect()]
    await api.init()
    const id = api.createId()
    const wait = rejection(api.on('report', id))
    await worker.fail('report', id, Object.assign(new RangeError('too many'), { code: 'E_MANY' }))
    const error = await wait
    assert.ok(error instanceof RemoteError)
    assert.deepEqual([error.remoteName, error.message, error.remoteCode], ['RangeError', 'too many', 'E_MANY'])
  },
  'a wait ends at its timeout, and not before': async () => {
    const events = connect()
    await events.init()
    const began = performance.now()
    const error = await rejection(events.on('report', 1, 60))
    assert.ok(error instanceof TimeoutError && error.timeout === 60)
    assert.ok(performance.now() - began >= 59)
  },
  'a kept outcome is there for a wait that comes late, until it is forgotten': async () => {
    const keep = { report: 60_000 }
    const [api, worker] = [connect({ keep }), connect({ keep })]
    await worker.emit('report', 'kept', 'early')
    assert.deepEqual(await api.on('report', 'kept'), ['early'])
    assert.deepEqual(await api.peek('report', 'kept'), ['early'])
    await worker.forget('report', 'kept')
    assert.equal(await api.peek('report', 'kept'), undefined)
  },
  'a listener hears, a stream reads in order, an abort ends a wait': async () => {
    const [api, worker] = [connect(), connect()]
    const heard = []
    await api.listen('progress', (id, percent) => heard.push([id, percent]))
    const stream = api.stream('progress', 'a', { timeout: 20_000 })
    for (const percent of [10, 20, 30]) await worker.emit('progress', 'a', percent)
    const read = []
    for await (const [percent] of stream) if (read.push(percent) === 3) break
    assert.deepEqual(read, [10, 20, 30])
    assert.deepEqual(
      heard,
      read.map((percent) => ['a', percent]),
    )
    const request = new AbortController()
    const wait = rejection(api.on('progress', 'b', { signal: request.signal }))
    request.abort(new Error('gone'))
    assert.equal((await wait).message, 'gone')
  },
  'a bad argument is refused': async () => {
    const error = await rejection(connect().emit('report', ''))
    assert.ok(error instanceof InvalidArgumentError)
  },
})
