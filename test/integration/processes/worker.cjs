// Answers every job with twice its number.
'use strict'
const { ServerEvents } = require('server-events')
const { RedisTransport } = require('@server-events/redis')

async function main() {
  const events = new ServerEvents(new RedisTransport(process.env.REDIS_URL, { channels: process.env.CHANNELS }))
  await events.listen('job', (id, number) => events.emit('report', id, number * 2))
  console.log('READY')
  process.once('SIGTERM', () => void events.close())
}

void main()
