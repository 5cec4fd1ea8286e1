import { Frame } from '../../packages/redis/src/publish/frame'
import { Publisher } from '../../packages/redis/src/publish/publisher'
import { Subscriber } from '../../packages/redis/src/subscribe/subscriber'
import { UncertainError } from 'server-events'
import { Unanswered } from 'server-events/transport-kit'
import { Complaints, password, payload } from './support/complaints'
import * as the from './support/faults'
import { brisk, everything } from './support/options'
import { playKept, playPlain, type Setting } from './support/play'
import type { Fault } from './support/faults'

/*
 * Every test of this folder is seen to fail: with one mechanism switched off or broken, the same
 * fault under the same load does what that mechanism prevents.
 */

afterEach(() => {
  jest.restoreAllMocks()
})

/** Breaks a method of an internal class, which TypeScript calls private. */
function broken(type: { prototype: object }, method: string, behaviour: (this: any, ...args: any[]) => unknown): void {
  jest.spyOn(type.prototype as Record<string, () => unknown>, method).mockImplementation(behaviour)
}

const control = everything ? test : test.skip
const quick = { patience: 4_000 }
const deaf = { ...brisk, heartbeat: 0 }

/** How many are lost. On a busy machine emitters may come back when all waits are over: then nothing could be lost. */
async function lostUnder(fault: Fault, setting: Setting): Promise<number> {
  const { lost } = await playKept(fault, { ...setting, ...quick })
  return lost > 0 ? lost : (await playKept(fault, { ...setting, patience: 25_000 })).lost
}

describe('without recall, events that come while nobody hears them are lost', () => {
  const losing = [
    the.cut,
    the.killedPubsub,
    the.deafSubscriber,
    the.cutWhileSubscribing,
    the.swallowedPush,
    the.overflowing,
  ]
  const title = (name: string): string => `control without recall: ${name}`
  // The second is kept in `npm test`.
  for (const fault of losing)
    (fault === the.killedPubsub ? test : control)(fault.name, async () => {
      expect(await lostUnder(fault, { recall: false, title: title(fault.name) })).toBeGreaterThan(0)
    })
})

describe('without the heartbeat', () => {
  test('nobody finds a blackholed subscriber, and events after it are lost as well', async () => {
    const setting = { transport: deaf, unseen: 1_500, title: 'control without heartbeat: blackholed subscriber, plain' }
    const { interruptions, lostAfter } = await playPlain(the.deafSubscriber, setting)
    expect(interruptions).toBe(0)
    expect(lostAfter).toBeGreaterThan(0)
  })

  control('nobody finds a frozen server', async () => {
    const setting = { ...quick, transport: deaf, unseen: 1_500, title: 'control without heartbeat: SIGSTOP' }
    const { interruptions } = await playKept(the.frozen, setting)
    expect(interruptions).toBe(0)
  })
})

const severing = [the.cut, the.frozen, the.crashed, the.full]
control.each(severing.map((fault) => [fault.name, fault] as const))(
  'without our resubscription, all is lost from then on: %s',
  async (_, fault) => {
    const { restore } = Subscriber.prototype as unknown as { restore(connection: object): Promise<void> }
    const first = new WeakMap<object, object>()
    broken(Subscriber, 'restore', function (connection: object) {
      if (!first.has(this)) first.set(this, connection)
      return first.get(this) === connection ? restore.call(this, connection) : Promise.resolve()
    })
    const setting = { recall: false, title: `control without resubscription: ${fault.name}` }
    expect(await lostUnder(fault, setting)).toBeGreaterThan(0)
  },
)

control('without appendonly, what was kept before a crash is lost', async () => {
  const setting = { server: [], title: 'control without appendonly: kill -9' }
  expect(await lostUnder(the.crashed, setting)).toBeGreaterThan(0)
})

control('if an emit that rejected were written on the next connection, it would replace a newer outcome', async () => {
  const { add } = Unanswered.prototype as { add(this: object, frame: Frame): void }
  const tables: object[] = []
  broken(Unanswered, 'add', function (frame: Frame) {
    tables[0] = this
    add.call(this, frame)
  })
  const { silent } = Publisher.prototype
  broken(Publisher, 'silent', () => undefined)
  broken(Publisher, 'expired', function (frames: readonly Frame[]) {
    for (const frame of frames) {
      for (const { reject } of frame.kept) reject(new UncertainError('not acknowledged'))
      for (const table of tables) add.call(table, frame)
    }
    silent.call(this, 'an emit')
  })
  const { stale } = await playKept(the.mutePublisher, {
    transport: deaf,
    title: 'control: rejected emits are sent again',
  })
  expect(stale).toBeGreaterThan(0)
})

control('if a silent publisher were not replaced, its emits would go on rejecting', async () => {
  // They are told, and nothing else is done.
  broken(Publisher, 'expired', (frames: readonly Frame[]) => {
    for (const frame of frames) frame.reject(() => new UncertainError('not acknowledged'))
  })
  broken(Publisher, 'silent', () => undefined)
  const title = 'control: a publisher without answers is kept'
  const { outages, rejected } = await playKept(the.unanswered, { ...quick, transport: deaf, unseen: 1_500, title })
  expect(outages).toBe(0)
  expect(rejected).toBeGreaterThan(0)
})

describe('an emit outlives a cut, as long as its publishTimeout', () => {
  const transport = { ...brisk, publishTimeout: 60_000 }

  test.each([the.cut, the.killedNormal].map((fault) => [fault.name, fault] as const))(
    '%s: no emit rejects',
    async (_, fault) => {
      const { rejected, problems } = await playKept(fault, { transport, title: `no emit rejects: ${fault.name}` })
      expect(problems).toEqual([])
      expect(rejected).toBe(0)
    },
  )

  control('control: they would, if what is unanswered were not sent again', async () => {
    broken(Unanswered, 'all', () => [])
    const title = 'control: unanswered emits are not sent again'
    expect((await playKept(the.killedNormal, { ...quick, title })).rejected).toBeGreaterThan(0)
  })
})

control('if an emit resolved although it was not stored, it would be lost', async () => {
  const { keep } = Frame.prototype
  broken(Frame, 'keep', function (...args: Parameters<typeof keep>) {
    const promise = keep.apply(this, args)
    // The refusal is written down where nobody reads it.
    Object.defineProperty(this.kept.at(-1), 'notStored', { get: () => undefined, set: () => {} })
    return promise
  })
  expect(await lostUnder(the.outOfMemory, { title: 'control: OOM is not told' })).toBeGreaterThan(0)
})

test('the harness sees a secret, wherever an error shows it', () => {
  for (const [error, leak] of [
    [new UncertainError(`of ${payload}`), payload],
    [Object.assign(new UncertainError('no'), { command: { args: [{ deep: { deeper: password } }] } }), password],
    [new UncertainError('no', { cause: new Error(password) }), password],
  ] as const) {
    const complaints = new Complaints()
    complaints.add(error)
    expect([...complaints.leaks].join()).toContain(leak)
  }
})
