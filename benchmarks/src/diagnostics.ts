import { channel, subscribe, unsubscribe } from 'node:diagnostics_channel'
import { MemoryHub, MemoryTransport } from '@server-events/memory'
import { ServerEvents } from 'server-events'
import { summarise } from './compare'

const names = ['wait:start', 'wait:settle', 'event:emit', 'event:receive'].map((name) => `server-events:${name}`)
const inFlight = 256

/** Microseconds a wait takes in one process, with its emit. */
async function perWait(events: ServerEvents, waits: number): Promise<number> {
  const begun = performance.now()
  for (let id = 0; id < waits; id += inFlight) {
    const pending: Promise<unknown>[] = []
    for (let next = id; next < id + inFlight; next++) {
      pending.push(events.on('report', next))
      void events.emit('report', next, 'done')
    }
    await Promise.all(pending)
  }
  return ((performance.now() - begun) / waits) * 1000
}

/** Nanoseconds of the one question that is asked where nobody listens. */
function perQuestion(questions: number): number {
  const silent = channel('server-events:nobody-listens')
  let heard = 0
  const begun = performance.now()
  for (let i = 0; i < questions; i++) if (silent.hasSubscribers) heard++
  return ((performance.now() - begun) / questions) * 1e6 + heard
}

/** What the diagnostics channels cost: to those who do not listen, and to those who do. */
export async function diagnosticsCost(share: number): Promise<string> {
  const events = new ServerEvents(new MemoryTransport({ hub: new MemoryHub() }), { listen: ['report'] })
  await events.init()
  const waits = Math.max(inFlight, Math.ceil(200_000 * share))
  const listener = (): void => undefined
  const ratios: number[] = []
  const silent: number[] = []
  await perWait(events, waits)
  for (let round = 0; round < 5; round++) {
    const without = await perWait(events, waits)
    for (const name of names) subscribe(name, listener)
    const heard = await perWait(events, waits)
    for (const name of names) unsubscribe(name, listener)
    silent.push(without)
    ratios.push(heard / without)
  }
  await events.close()
  const question = perQuestion(Math.ceil(50_000_000 * share))
  return (
    `diagnostics: a wait and its emit take ${summarise(silent).median.toFixed(1)} µs in one process, ` +
    `of which ${names.length} questions of ${question.toFixed(1)} ns whether anybody listens; ` +
    `${summarise(ratios).median.toFixed(2)} times that with a listener on each channel`
  )
}
