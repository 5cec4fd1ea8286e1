import { ServerEvents } from 'server-events'
import type { ServerEventsOptions, Side } from 'server-events'
import { ScriptedTransport } from './scripted-transport'
import type { ScriptedOptions } from './scripted-transport'

// Seen before any test fakes them.
const immediate = setImmediate
const now = performance.now.bind(performance)

export type Options = ServerEventsOptions<Record<string, any[]>>

interface Told {
  readonly store: Side
  readonly error: any
}

export interface Started {
  readonly events: ServerEvents
  readonly transport: ScriptedTransport
  /** What onerror heard. */
  readonly told: Told[]
}

const running: { events: ServerEvents; transport: ScriptedTransport }[] = []

/** An instance on a scripted transport, closed after the test. */
export function start(scripted: ScriptedOptions = {}, options: Options = {}): Started {
  const started = startUnheard(scripted, options)
  const told: Told[] = []
  started.events.onerror((store, error) => told.push({ store, error }))
  return { ...started, told }
}

/** Without a listener for errors. */
export function startUnheard(scripted: ScriptedOptions = {}, options: Options = {}): Omit<Started, 'told'> {
  const transport = new ScriptedTransport(scripted)
  const events = new ServerEvents(transport, options)
  running.push({ events, transport })
  return { events, transport }
}

afterEach(async () => {
  jest.useRealTimers()
  for (const { events, transport } of running.splice(0)) {
    transport.release()
    await events.close()
  }
})

/** Lets every promise reaction that is due run, fake timers or not. */
export function settle(): Promise<void> {
  return new Promise((resolve) => immediate(resolve))
}

/** By the real clock, fake timers or not. */
export function realNow(): number {
  return now()
}

/** What a promise is rejected with. */
export function rejection(promise: Promise<unknown>): Promise<any> {
  return promise.then(
    (value) => {
      throw new Error(`resolved with ${JSON.stringify(value)} instead of rejecting`)
    },
    (error: unknown) => error,
  )
}

export interface Watched {
  readonly state: 'pending' | 'resolved' | 'rejected'
  readonly value: any
}

/** How a promise stands now. */
export function watch(promise: Promise<unknown>): Watched {
  const watched: { state: Watched['state']; value: unknown } = { state: 'pending', value: undefined }
  promise.then(
    (value) => Object.assign(watched, { state: 'resolved', value }),
    (error: unknown) => Object.assign(watched, { state: 'rejected', value: error }),
  )
  return watched
}
