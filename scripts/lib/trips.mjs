// What an event goes through: every trip is made on real connections, and the functions that it enters are recorded.
import { once } from 'node:events'
import { setTimeout as delay } from 'node:timers/promises'

/**
 * @typedef {{ file: string, name: string }} Entry
 * @typedef {{ core: typeof import('server-events'), redis: typeof import('@server-events/redis'), Redis: typeof import('ioredis').Redis, url: string }} Tools
 */

/** How long after its end a trip is still recorded, in ms: what it leaves for later ticks belongs to it. */
const rest = 60

/** @type {Entry[]} */
let entries = []
let recording = false
Object.assign(globalThis, {
  /** @param {string} file @param {string} name */
  entered(file, name) {
    if (recording) entries.push({ file, name })
  },
})

/** @param {() => Promise<unknown>} work */
async function record(work) {
  entries = []
  recording = true
  await work()
  await delay(rest)
  recording = false
  return entries
}

/**
 * Makes every trip once, and gives what each entered.
 *
 * @param {Tools} tools
 * @param {number} round Part of every id: none is used twice.
 * @returns {Promise<Record<string, Entry[]>>}
 */
export async function makeTrips({ core: { ServerEvents }, redis: { RedisTransport }, Redis, url }, round) {
  const keep = { kept: 60_000, outcome: 60_000 }
  const connect = (/** @type {string[]} */ listen) =>
    new ServerEvents(new RedisTransport(url), { keep, listen, backstop: 60_000 })
  // The waiter is of this process as well: what is emitted on record has names that it does not hear.
  const emitter = connect([])
  const waiter = connect(['report', 'outcome'])
  // It is cut on purpose.
  waiter.onerror(() => undefined)
  const foreign = new Redis(url)
  const spy = new Redis(url)
  try {
    await Promise.all([emitter.init(), waiter.init(), spy.psubscribe('*')])
    const heard = once(spy, 'pmessage')
    const warm = [waiter.on('report', `id-${round}`), waiter.on('outcome', `id-${round}`)]
    await emitter.emit('report', `id-${round}`, 'x')
    const [, channel, frame] = /** @type {[string, string, string]} */ (await heard)
    for (const name of ['outcome', 'kept', 'unheard']) await emitter.emit(name, `id-${round}`, 'x')
    await Promise.all(warm)
    await delay(rest)

    const emit = await record(() => emitter.emit('unheard', `a-${round}`, 'x'))
    const keptEmit = await record(() => emitter.emit('kept', `b-${round}`, 'x'))
    // Begun off the record: what registers it is the trip of a wait.
    const kept = waiter.on('outcome', `id-${round}`)
    const recall = await record(() => kept)

    /** @type {Promise<unknown> | undefined} */
    let pending
    const wait = await record(() => {
      pending = waiter.on('report', `d-${round}`, 5_000)
      return Promise.resolve()
    })
    const settled = await record(async () => {
      const own = (/** @type {string} */ text) => text.replaceAll(`id-${round}`, `d-${round}`)
      await foreign.publish(own(channel), own(frame))
      await pending
    })

    const late = waiter.on('report', `e-${round}`, 4 * rest).catch(() => undefined)
    await delay(rest)
    const deadline = await record(() => late)

    const surviving = waiter.on('report', `f-${round}`, 5_000)
    await delay(rest)
    const restored = nextReady(waiter)
    const reconnect = await record(async () => {
      await foreign.call('CLIENT', 'KILL', 'TYPE', 'PUBSUB')
      await restored
    })
    await emitter.emit('report', `f-${round}`)
    await surviving

    return {
      'an emit': emit,
      'a kept emit': keptEmit,
      'a wait': wait,
      'a recall': recall,
      'a deadline': deadline,
      'a settled wait': settled,
      'a reconnect': reconnect,
    }
  } finally {
    foreign.disconnect()
    spy.disconnect()
    await Promise.all([emitter.close(), waiter.close()])
  }
}

/**
 * When the subscribing side stands once more; now it does.
 *
 * @param {import('server-events').ServerEvents} events
 * @returns {Promise<void>}
 */
function nextReady(events) {
  return new Promise((resolve) => {
    let times = 0
    events.onready((store) => {
      if (store === 'outputStore' && ++times === 2) resolve()
    })
  })
}
