import { Frame } from '../../packages/redis/src/frame'
import { Outbox } from '../../packages/redis/src/outbox'
import { Publisher } from '../../packages/redis/src/publisher'
import { Subscriber } from '../../packages/redis/src/subscriber'
import { UncertainError } from 'server-events'
import { Complaints, password, payload } from './support/complaints'
import * as the from './support/faults'
import { brisk, everything } from './support/options'
import { playKept, playPlain } from './support/play'

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
    (fault === the.killedPubsub ? test : control)(
      fault.name,
      async () => {
        const { lost } = await playKept(fault, { ...quick, recall: false, title: title(fault.name) })
        expect(lost).toBeGreaterThan(0)
      },
      60_000,
    )
})

describe('without the heartbeat', () => {
  test('nobody finds a blackholed subscriber, and events after it are lost as well', async () => {
    const setting = { transport: deaf, unseen: 1_500, title: 'control without heartbeat: blackholed subscriber, plain' }
    const { interruptions, lostAfter } = await playPlain(the.deafSubscriber, setting)
    expect(interruptions).toBe(0)
    expect(lostAfter).toBeGreaterThan(0)
  }, 60_000)

  control(
    'nobody finds a frozen server',
    async () => {
      const setting = { ...quick, transport: deaf, unseen: 1_500, title: 'control without heartbeat: SIGSTOP' }
      const { interruptions } = await playKept(the.frozen, setting)
      expect(interruptions).toBe(0)
    },
    60_000,
  )
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
    const setting = { ...quick, recall: false, title: `control without resubscription: ${fault.name}` }
    expect((await playKept(fault, setting)).lost).toBeGreaterThan(0)
  },
  60_000,
)

control(
  'without appendonly, what was kept before a crash is lost',
  async () => {
    const setting = { ...quick, server: [], title: 'control without appendonly: kill -9' }
    expect((await playKept(the.crashed, setting)).lost).toBeGreaterThan(0)
  },
  60_000,
)

control(
  'if an emit that rejected were written on the next connection, it would replace a newer outcome',
  async () => {
    const { expire } = Outbox.prototype as unknown as { expire(): void }
    broken(Outbox, 'expire', function () {
      const before: Frame[] = [...this.frames]
      expire.call(this)
      for (const frame of before) if (!this.has(frame)) this.add(frame)
    })
    const { stale } = await playKept(the.mutePublisher, { title: 'control: rejected emits are sent again' })
    expect(stale).toBeGreaterThan(0)
  },
  60_000,
)

control(
  'if a silent publisher were not replaced, its emits would go on rejecting',
  async () => {
    // They are told, and nothing else is done.
    broken(Publisher, 'expired', (frames: readonly Frame[]) => {
      for (const frame of frames) frame.reject(() => new UncertainError('not acknowledged'))
    })
    const title = 'control: a publisher without answers is kept'
    const { outages, rejected } = await playKept(the.unanswered, { ...quick, unseen: 1_500, title })
    expect(outages).toBe(0)
    expect(rejected).toBeGreaterThan(0)
  },
  60_000,
)

describe('an emit outlives a cut, as long as its publishTimeout', () => {
  const transport = { ...brisk, publishTimeout: 10_000 }

  test.each([the.cut, the.killedNormal].map((fault) => [fault.name, fault] as const))(
    '%s: no emit rejects',
    async (_, fault) => {
      const { rejected, problems } = await playKept(fault, { transport, title: `no emit rejects: ${fault.name}` })
      expect(problems).toEqual([])
      expect(rejected).toBe(0)
    },
    60_000,
  )

  control(
    'control: they would, if what is unanswered were not sent again',
    async () => {
      broken(Outbox, 'all', () => [])
      const title = 'control: unanswered emits are not sent again'
      expect((await playKept(the.killedNormal, { ...quick, title })).rejected).toBeGreaterThan(0)
    },
    60_000,
  )
})

control(
  'if an emit resolved although it was not stored, it would be lost',
  async () => {
    const { keep } = Frame.prototype
    broken(Frame, 'keep', function (...args: Parameters<typeof keep>) {
      const promise = keep.apply(this, args)
      // The refusal is written down where nobody reads it.
      Object.defineProperty(this.kept.at(-1), 'notStored', { get: () => undefined, set: () => {} })
      return promise
    })
    const { lost } = await playKept(the.outOfMemory, { ...quick, title: 'control: OOM is not told' })
    expect(lost).toBeGreaterThan(0)
  },
  60_000,
)

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
