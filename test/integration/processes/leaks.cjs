// Runs 100,000 waits after 20,000 to warm up, and tells by how many bytes the heap has grown.
'use strict'
const { ServerEvents } = require('server-events')
const { RedisTransport } = require('@server-events/redis')

async function main() {
  const events = new ServerEvents(new RedisTransport(process.env.REDIS_URL), { listen: ['ev'] })
  await events.init()
  let next = 0
  async function rounds(count) {
    for (let round = 0; round < count; round++) {
      const waits = []
      for (let i = 0; i < 1000; i++) {
        const id = next++
        waits.push(events.on('ev', id, id % 2 ? 5 : 60_000).catch(() => undefined))
        if (id % 2 === 0) void events.emit('ev', id, 'x')
      }
      await Promise.all(waits)
    }
    global.gc()
    await new Promise(setImmediate)
    global.gc()
    return process.memoryUsage().heapUsed
  }
  const before = await rounds(20)
  const after = await rounds(100)
  await events.close()
  console.log('GROWN ' + (after - before))
}

void main()
