import type * as core from 'server-events'
import { growthOf, growthOfPlanted, linear } from '@server-events/testing'
import { checkOf } from '../src/home'
import { coreWith } from './support/planted'
import { settle } from './support/harness'
import { eventOf, ScriptedTransport } from './support/scripted-transport'

const key = { name: 'report', id: '1' }

type Core = typeof core

/** A schema that has something against each number, as zod's `array(array(string()))` does. */
const textsOnly: core.StandardSchemaV1<any, any> = {
  '~standard': {
    version: 1,
    vendor: 'test',
    validate: (args) => {
      const issues: core.StandardIssue[] = []
      const rows = (args as number[][][])[0] ?? []
      rows.forEach((row, x) => {
        row.forEach((_, y) => issues.push({ path: [0, x, y], message: 'expected string, received number 7' }))
      })
      return { issues }
    },
  },
}

/** Args whose parts are equal: they are few values, and many visits. */
const rowsOf = (size: number): number[][] => Array.from({ length: size / 500 }, () => Array<number>(500).fill(7))

async function receivesInvalid({ ServerEvents }: Core, size: number): Promise<void> {
  const transport = new ScriptedTransport()
  const events = new ServerEvents(transport, { schemas: { report: textsOnly } })
  events.onerror(() => {})
  await events.listen('report', () => {})
  const message = eventOf([rowsOf(size)])
  for (let times = 0; times < 2; times++) transport.receiver.deliver(key, message)
  await events.close()
}

async function emitsInvalid({ ServerEvents }: Core, size: number): Promise<void> {
  const events = new ServerEvents(new ScriptedTransport(), { schemas: { report: textsOnly } })
  events.onerror(() => {})
  for (let times = 0; times < 2; times++) await events.emit('report', 1, rowsOf(size)).catch(() => {})
  await events.close()
}

/** Kept waits on one id, a few a tick, as long polling makes them. */
async function waitsOnOneId({ ServerEvents }: Core, size: number): Promise<void> {
  const transport = new ScriptedTransport({ keeper: true })
  const events = new ServerEvents(transport, { keep: 60_000 })
  await events.listen('report')
  for (let waits = 0; waits < size; waits++) {
    void events.on('report', 1, 60_000)
    if (waits % 20 === 0) await settle()
  }
  await events.close()
}

/** Kept waits on so many ids while the store is slow. */
async function waitsOnASlowStore({ ServerEvents }: Core, size: number): Promise<void> {
  const transport = new ScriptedTransport({ keeper: true, manual: ['recall'] })
  const events = new ServerEvents(transport, { keep: 60_000 })
  await events.listen('report')
  for (let waits = 0; waits < size; waits++) {
    void events.on('report', waits, 60_000)
    if (waits % 20 === 0) await settle()
  }
  transport.release()
  await events.close()
}

/** A wait each on ids that others have made, as whoever calls a server may send them. */
async function waitsOnHomesOfOthers({ ServerEvents }: Core, size: number): Promise<void> {
  const events = new ServerEvents(new ScriptedTransport({ routing: 'id', homes: true }))
  for (let waits = 0; waits < size; waits++) {
    const label = String(waits).padStart(8, 'A')
    void events.on('report', `1~${label}${checkOf(label)}`, 60_000)
  }
  await settle()
  await events.close()
}

describe('twice the input costs about twice the CPU', () => {
  const mended = coreWith()

  test.each([
    ['args that arrive and do not validate', receivesInvalid],
    ['args that are emitted and do not validate', emitsInvalid],
  ])('%s', async (_, run) => {
    expect(await growthOf((size) => run(mended, size), 5000, 3)).toBeLessThan(linear)
    const planted = coreWith(
      ['messages/redaction.ts', 'const MOST_VALUES = 1000', 'const MOST_VALUES = 1e9'],
      ['messages/schemas.ts', 'const ISSUES_KEPT = 20', 'const ISSUES_KEPT = 1e9'],
      [
        'messages/schemas.ts',
        'issues.push(tellable(issue, redaction))',
        'issues.push(tellable(issue, new Redaction(args)))',
      ],
    )
    expect(await growthOfPlanted((size) => run(planted, size), 500)).toBeGreaterThan(linear)
  })

  test('kept waits on one id', async () => {
    expect(await growthOf((size) => waitsOnOneId(mended, size), 1000, 3)).toBeLessThan(linear)
    const planted = coreWith([
      'outcomes/recall.ts',
      'question.items.push(item)',
      'question.items.push(...item.entry.pendingFor(item.id))',
    ])
    expect(await growthOfPlanted((size) => waitsOnOneId(planted, size), 1000)).toBeGreaterThan(linear)
  })

  test('waits on homes of others', async () => {
    expect(await growthOf((size) => waitsOnHomesOfOthers(mended, size), 500, 3)).toBeLessThan(linear)
    const planted = coreWith(['registry/subscriptions.ts', ': entry.pendingAt(home)', ': entry.pendingOf(home)'])
    expect(await growthOfPlanted((size) => waitsOnHomesOfOthers(planted, size), 125)).toBeGreaterThan(linear)
  })

  test('kept waits whose questions wait for a slow store', async () => {
    expect(await growthOf((size) => waitsOnASlowStore(mended, size), 1000, 3)).toBeLessThan(linear)
    const planted = coreWith([
      'outcomes/recall.ts',
      '    this.#ready.add(question)\n',
      '    this.#ready.add(question)\n' +
        '    const all = []\n' +
        '    while (this.#ready.first) { all.push(this.#ready.first); this.#ready.remove(this.#ready.first) }\n' +
        '    for (const one of all.sort((a, b) => a.due - b.due)) this.#ready.add(one)\n',
    ])
    expect(await growthOfPlanted((size) => waitsOnASlowStore(planted, size), 500)).toBeGreaterThan(linear)
  })
})

test('200,000 kept waits on one id are asked for, and settle', async () => {
  const { ServerEvents } = coreWith()
  const transport = new ScriptedTransport({ keeper: true })
  const events = new ServerEvents(transport, { keep: 60_000, backstop: 3_600_000 })
  events.onerror(() => {})
  const waits = Array.from({ length: 200_000 }, () => events.on('report', 1, 3_600_000))
  await settle()
  expect(transport.recalls.count).toBe(1)
  transport.down('outputStore')
  transport.keep(key, eventOf(['kept']))
  transport.up('outputStore')
  expect(await Promise.all(waits)).toHaveLength(200_000)
  expect(events.stats().settled.restored).toBe(200_000)
  await events.close()
})
