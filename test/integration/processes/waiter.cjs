// Keeps IN_FLIGHT waits pending until COUNT have settled; tells the emitter each id over Redis.
'use strict'
const { ServerEvents } = require('server-events')
const { RedisTransport } = require('@server-events/redis')

const count = Number(process.env.COUNT)
const inFlight = Number(process.env.IN_FLIGHT)

async function main() {
  const events = new ServerEvents(new RedisTransport(process.env.REDIS_URL, { channels: process.env.CHANNELS }), {
    listen: ['report'],
    timeout: 20_000,
  })
  await events.init()
  let next = 0
  let lost = 0
  let wrong = 0
  async function slot() {
    while (next < count) {
      const number = next++
      const id = events.createId()
      const wait = events.on('report', id)
      void events.emit('job', id, number)
      try {
        const [answer] = await wait
        if (answer !== number * 2) wrong++
      } catch {
        lost++
      }
    }
  }
  await Promise.all(Array.from({ length: inFlight }, slot))
  const { pending, settled } = events.stats()
  console.log('RESULT ' + JSON.stringify({ lost, wrong, pending, settled: settled.event }))
  await events.close()
}

void main()
