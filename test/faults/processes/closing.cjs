// On SIGUSR2 it emits, waits and closes, tells how all of it settled, and should then exit by itself.
'use strict'
const { inspect } = require('node:util')
const { ServerEvents } = require('server-events')
const { RedisTransport } = require('@server-events/redis')

const { REDIS_PORT, PASSWORD, PAYLOAD, INIT, DOWN } = process.env

async function main() {
  const transport = new RedisTransport({ host: '127.0.0.1', port: Number(REDIS_PORT), password: PASSWORD })
  const events = new ServerEvents(transport, { keep: 60_000, listen: ['job'], timeout: 600_000 })
  const told = []
  events.onerror((_, error) => told.push(error))
  const init = events.init()
  // Unlike an emit, it may not be left alone.
  init.catch(() => undefined)
  if (INIT === 'awaited') await init
  process.once('SIGUSR2', () => void close())
  console.log('READY')

  async function close() {
    const { inputStore, outputStore } = events.stats()
    if (DOWN === 'seen' && (inputStore.connected || outputStore.connected)) {
      setTimeout(() => void close(), 10)
      return
    }
    const counts = {}
    const count = (what, promise) =>
      promise
        .then(
          () => 'resolved',
          (error) => {
            told.push(error)
            return error.code
          },
        )
        .then((outcome) => {
          const key = `${what} ${outcome}`
          counts[key] = (counts[key] ?? 0) + 1
        })
    const all = []
    for (let id = 0; id < 500; id++) {
      all.push(count('wait', events.on('job', id)))
      all.push(count('emit', events.emit('other', id, PAYLOAD)))
    }
    await events.close()
    await Promise.all(all)
    const text = told.map((error) => inspect(error, { depth: 12, showHidden: true }) + JSON.stringify(error)).join()
    console.log('CLOSED ' + JSON.stringify({ counts, leaks: text.includes(PASSWORD) || text.includes(PAYLOAD) }))
  }
}

void main()
