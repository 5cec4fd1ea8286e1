// Uses a transport in one way, closes it, and says so: the process must then end by itself.
const { RedisTransport } = require('@server-events/redis')

const [, , url, how] = process.argv
const receiver = { wants: () => true, deliver() {}, state() {}, lost() {}, error() {} }
const transport = new RedisTransport(url, { heartbeat: 60_000, publishTimeout: 60_000, connectTimeout: 60_000 })
transport.attach(receiver)
const message = { kind: 'event', body: '[]' }
const key = { name: 'n', id: '1' }
process.on('unhandledRejection', (error) => {
  console.log('unhandled', error)
  process.exit(7)
})

async function used() {
  await transport.connect()
  await transport.subscribe({ name: 'n' })
  await transport.publish(key, message)
}
const ways = {
  unused: async () => {},
  used,
  connecting: async () => {
    transport.connect().catch(() => {})
    transport.subscribe({ name: 'n' }).catch(() => {})
    transport.publish(key, message).catch(() => {})
  },
  waiting: async () => {
    ways.connecting()
    await new Promise((resolve) => setTimeout(resolve, 300))
  },
  answered: async () => {
    await used()
    transport.publish(key, message).catch(() => {})
    await Promise.resolve()
  },
}
void ways[how]()
  .then(() => transport.close())
  .then(() => console.log('closed'))
