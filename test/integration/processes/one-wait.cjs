// Waits for one event for a minute, whatever becomes of it: to be killed.
const { RedisTransport } = require('@server-events/redis')
const { ServerEvents } = require('server-events')

const events = new ServerEvents(new RedisTransport(process.env.REDIS_URL), { timeout: 60_000 })
const stream = events.stream('report', 'killed')
void stream.ready.then(() => console.log('WAITS'))
