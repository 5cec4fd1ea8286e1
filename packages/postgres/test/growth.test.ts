import { growthOf, linear } from '@server-events/testing'
import type { Transport } from 'server-events'
import type { LinkEvents } from 'server-events/transport-kit'
import { Listening } from '../src/client/listening'
import type { Session } from '../src/session/session'
import { Announcements } from '../src/transactions/announcements'
import { Channels } from '../src/wire/names'

/*
 * Whoever may connect may NOTIFY: what is read costs CPU time in proportion to its bytes, whatever they are, and is
 * told once. Told by growth, which no machine changes, and not by seconds.
 */

type Hear = (channel: string, payload: string, processId: number) => void

interface Heard {
  readonly hear: Hear
  readonly told: string[]
}

/** What hears, of which `wants` says whether all that comes is wanted. */
function listening(wants: boolean): Heard {
  const told: string[] = []
  let hear: Hear = () => undefined
  const session = { onNotification: (heard: Hear) => (hear = heard) } as unknown as Session
  const events: LinkEvents = {
    message: (key, read) => {
      if (wants && read()) told.push(key.id)
    },
    unreadable: (error) => told.push(error.message),
    refused: () => undefined,
    ended: () => undefined,
  }
  const host = { warn: () => undefined, another: () => Promise.reject(new Error('none')) }
  new Listening(session, 'here', new Channels('se'), events, host)
  return { hear: (...args) => hear(...args), told }
}

const whole = '{"name":"n","id":"7","kind":"event","text":"[]"}'

const inputs: readonly [string, (bytes: number) => string][] = [
  ['line feeds', (bytes) => '\n'.repeat(bytes)],
  ['lines of one byte', (bytes) => 'x\n'.repeat(bytes / 2)],
  ['lines that are whole', (bytes) => `${whole}\n`.repeat(bytes / whole.length)],
  ['lines that begin as events', (bytes) => '{"name":"n","id":"7",\n'.repeat(bytes / 22)],
  ['an endless name', (bytes) => `{"name":"${'n'.repeat(bytes)}`],
  ['an endless name of escapes', (bytes) => `{"name":"${'\\n'.repeat(bytes / 2)}`],
  ['an endless id', (bytes) => `{"name":"n","id":"${'\\\\'.repeat(bytes / 2)}`],
  ['quotes', (bytes) => `{"name":${'"'.repeat(bytes)}`],
  ['a huge header', (bytes) => `{"name":"n","id":"7","headers":{"a":"${'x'.repeat(bytes)}"},"kind":"event","text":""}`],
  ['many headers', (bytes) => `{"name":"n","id":"7","headers":{${'"a":"1",'.repeat(bytes / 8)}"b":"1"}}`],
  ['arrays in arrays', (bytes) => `{"name":"n","id":"7",${'['.repeat(bytes / 16)}`],
  ['bytes that are none', (bytes) => `{"name":"n","id":"7","kind":"event","bytes":"${'A='.repeat(bytes / 2)}"}`],
]

const BYTES = 196_608

/** In pieces of what PostgreSQL takes, as a peer that means no good cuts them; or several events in each. */
function piecesOf(text: string, size: number): string[] {
  const count = Math.ceil(text.length / size)
  return Array.from(
    { length: count },
    (_, index) => `1 z ${index} ${count} ${text.slice(index * size, (index + 1) * size)}`,
  )
}

describe.each([
  ['in one notification', 64 * BYTES],
  ['in many pieces', 7_900],
  ['in small pieces', 400],
])('%s', (_, size) => {
  test.each(inputs)('%s', async (__, input) => {
    for (const wants of [false, true]) {
      const { hear } = listening(wants)
      const made = new Map<number, string[]>()
      const read = (bytes: number): void => {
        // Made once: the least of several runs does not count the making.
        const pieces = made.get(bytes) ?? piecesOf(input(bytes), size)
        made.set(bytes, pieces)
        for (const piece of pieces) hear('se.n', piece, 1)
      }
      expect(await growthOf(read, BYTES, 8)).toBeLessThan(linear)
    }
  })
})

test.each([
  ['line feeds', '\n'.repeat(7_900)],
  ['lines of one byte', 'x\n'.repeat(3_950)],
  ['events that cannot be read', '{"name":"n","id":"7",\n'.repeat(350)],
  ['both', `x\n{"name":"n","id":"7",\n`.repeat(300)],
])('what cannot be read of one notification is told once: %s', (_, payload) => {
  const { hear, told } = listening(true)
  hear('se.n', `1 z 0 1 ${payload}\n${whole}`, 1)
  expect(told).toEqual(['7', 'a message was dropped: it cannot be read'])
})

test('a name of megabytes that never ends is told like all that cannot be read', () => {
  const { hear, told } = listening(true)
  for (const text of [`{"name":"${'n'.repeat(16_000_000)}`, `{"name":"${'\\n'.repeat(8_000_000)}`])
    piecesOf(text, 7_900).forEach((piece) => hear('se.n', piece, 1))
  expect(told).toEqual(Array.from({ length: 2 }, () => 'a message was dropped: it cannot be read'))
})

test('a transaction of who never calls announce costs as much as the one before', async () => {
  const remember = (count: number): void => {
    const announcements = new Announcements({} as Transport)
    for (let id = 0; id < count; id++) announcements.remember([{ key: { name: 'n', id: `${id}` }, text: whole }])
  }
  expect(await growthOf(remember, 2_000)).toBeLessThan(linear)
})
