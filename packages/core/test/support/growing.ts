import type * as core from 'server-events'
import { checkOf } from '../../src/home'
import { settle } from './harness'
import type { Edit } from './planted'
import { eventOf, ScriptedTransport } from './scripted-transport'

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
  for (let times = 0; times < 2; times++) transport.receiver.deliver({ name: 'report', id: '1' }, message)
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

const schemasPlanted: readonly Edit[] = [
  ['messages/redaction.ts', 'const MOST_VALUES = 1000', 'const MOST_VALUES = 1e9'],
  ['messages/schemas.ts', 'const ISSUES_KEPT = 20', 'const ISSUES_KEPT = 1e9'],
  [
    'messages/schemas.ts',
    'issues.push(tellable(issue, redaction))',
    'issues.push(tellable(issue, new Redaction(args)))',
  ],
]

/** What cost CPU time with the square of its input before it was mended. */
export const growing: readonly {
  readonly title: string
  readonly run: (core: Core, size: number) => Promise<void>
  readonly size: number
  /** The code of before, and what is enough for it. */
  readonly planted: { readonly edits: readonly Edit[]; readonly size: number }
}[] = [
  {
    title: 'args that arrive and do not validate',
    run: receivesInvalid,
    size: 5000,
    planted: { edits: schemasPlanted, size: 500 },
  },
  {
    title: 'args that are emitted and do not validate',
    run: emitsInvalid,
    size: 5000,
    planted: { edits: schemasPlanted, size: 500 },
  },
  {
    title: 'kept waits on one id',
    run: waitsOnOneId,
    size: 1000,
    planted: {
      edits: [
        ['outcomes/recall.ts', 'question.items.push(item)', 'question.items.push(...item.entry.pendingFor(item.id))'],
      ],
      size: 1000,
    },
  },
  {
    title: 'waits on homes of others',
    run: waitsOnHomesOfOthers,
    size: 500,
    planted: {
      edits: [['registry/subscriptions.ts', ': entry.pendingAt(home)', ': entry.pendingOf(home)']],
      size: 125,
    },
  },
  {
    title: 'kept waits whose questions wait for a slow store',
    run: waitsOnASlowStore,
    size: 1000,
    planted: {
      edits: [
        [
          'outcomes/recall.ts',
          '    this.#ready.add(question)\n',
          '    this.#ready.add(question)\n' +
            '    const all = []\n' +
            '    while (this.#ready.first) { all.push(this.#ready.first); this.#ready.remove(this.#ready.first) }\n' +
            '    for (const one of all.sort((a, b) => a.due - b.due)) this.#ready.add(one)\n',
        ],
      ],
      size: 500,
    },
  },
]
