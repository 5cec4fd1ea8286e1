/*
 * One of the processes of storm.ts: waits for so many outcomes, and tells its state line by line. Plain
 * JavaScript, since with a compiler in each of them two hundred would need more memory than a machine has.
 */
const { RedisTransport } = require('@server-events/redis')
const { homeOf, ServerEvents } = require('server-events')

const [url, mode, who, pending] = process.argv.slice(2)
const print = (text) => process.stdout.write(`${text}\n`)

async function main() {
  const events = new ServerEvents(new RedisTransport(url, { channels: mode === 'homes' ? 'id' : mode }), {
    keep: { job: 600_000 },
    timeout: 170_000,
  })
  let stood = 0
  events.onerror(() => undefined)
  events.onready((store) => {
    if (store === 'outputStore' && ++stood === 2) print('STANDS')
  })
  // What its ids end with.
  const suffix = mode === 'homes' ? `~${homeOf(events.createId())}` : ''
  const waits = Array.from({ length: Number(pending) }, (_, id) => events.on('job', `${who}-${id}${suffix}`))
  const settling = Promise.allSettled(waits)
  // Its subscription stands, and the store was asked for all of them.
  while (stood === 0 || !events.stats().outputStore.connected) await new Promise((resolve) => setTimeout(resolve, 50))
  await new Promise((resolve) => setTimeout(resolve, 2_000))
  print(`PENDING ${suffix}`)
  const settled = await settling
  print(`SETTLED ${settled.filter(({ status }) => status === 'fulfilled').length}`)
  await events.close()
}

void main()
