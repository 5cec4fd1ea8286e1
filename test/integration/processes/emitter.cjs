// Emits and goes on living: it waits for nothing, so it needs one connection.
'use strict'
const { ServerEvents } = require('server-events')
const { RedisTransport } = require('@server-events/redis')

async function main() {
  const events = new ServerEvents(new RedisTransport({ host: '127.0.0.1', port: Number(process.env.REDIS_PORT) }))
  await events.init()
  await events.emit('report', 1, 'x')
  await events.fail('report', 2, new Error('no'))
  console.log('EMITTED')
  process.once('SIGTERM', () => void events.close())
}

void main()
