const assert = require('node:assert/strict')
const { MemoryHub, MemoryTransport } = require('@server-events/memory')
const { RedisTransport } = require('@server-events/redis')
const { ServerEvents, TimeoutError } = require('server-events')
const { transportOf } = require('server-events/transport-kit')

async function main() {
  const hub = new MemoryHub()
  const api = new ServerEvents(new MemoryTransport({ hub }))
  const worker = new ServerEvents(new MemoryTransport({ hub }), { timeout: 50 })
  await api.init()

  const answer = api.on('job', 1)
  await api.emit('job', 1, 'done', { pages: 7 })
  assert.deepEqual(await answer, ['done', { pages: 7 }])
  await assert.rejects(worker.on('job', 2), TimeoutError)

  assert.equal(typeof RedisTransport, 'function')
  assert.equal(typeof transportOf, 'function')
  await Promise.all([api.close(), worker.close()])
}

main()
