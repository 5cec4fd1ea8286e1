import { channel, subscribe, unsubscribe } from 'node:diagnostics_channel'
import { MemoryHub, MemoryTransport } from '@server-events/memory'
import { ServerEvents } from 'server-events'
import { ratios, summarise } from '../contenders/compare'
import type { Row } from '../row'

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
export async function diagnostics(share: number): Promise<Row[]> {
  const events = new ServerEvents(new MemoryTransport({ hub: new MemoryHub() }), { listen: ['report'] })
  await events.init()
  const waits = Math.max(inFlight, Math.ceil(200_000 * share))
  const listener = (): void => undefined
  const silent: number[] = []
  const heard: number[] = []
  const questions: number[] = []
  await perWait(events, waits)
  for (let round = 0; round < 5; round++) {
    silent.push(await perWait(events, waits))
    for (const name of names) subscribe(name, listener)
    heard.push(await perWait(events, waits))
    for (const name of names) unsubscribe(name, listener)
    questions.push(perQuestion(Math.ceil(10_000_000 * share)))
  }
  await events.close()
  const group = 'Diagnostics channels'
  return [
    {
      ...{ group, title: 'a listener on each, in one process', metric: 'time of a wait', against: 'none' },
      ...{ value: ratios(heard, silent), unit: 'µs' },
      ...{ ours: summarise(heard).median, theirs: summarise(silent).median },
    },
    {
      ...{ group, title: 'whether anybody listens, 4 times a wait and its emit', metric: 'time of a question' },
      ...{ value: summarise(questions), unit: 'ns' },
    },
  ]
}
