import fc from 'fast-check'

/** How an instance is made and what it stands on. */
export interface Setup {
  readonly routing: 'name' | 'id'
  /** With routing 'id': whether the transport has homes, and whose all ids are then: of this instance or of another one. */
  readonly home: 'none' | 'own' | 'foreign'
  /** How long outcomes of the name `kept` are kept, in ms; those of `plain` never are. */
  readonly keep: number
  /** Whether the first outcome of `kept` holds. */
  readonly once: boolean
  readonly backstop: number
  /** Whether option `listen` names `plain`. */
  readonly listen: boolean
  /** What the first connection of each side takes, in ms. */
  readonly dial: number
  /** What each way to or from the server takes at first, in ms. */
  readonly latency: number
  readonly inChunks: boolean
  readonly random: number
}

export interface Key {
  readonly name: 'kept' | 'plain'
  readonly id: string
}

export type Delay = 'subscribe' | 'unsubscribe' | 'deliver' | 'publish' | 'acknowledge' | 'read' | 'answer'

export type Action =
  // What the user of an instance does
  | {
      readonly type: 'on'
      readonly key: Key
      readonly timeout: number
      readonly recall: boolean
      readonly signal?: number | undefined
    }
  | { readonly type: 'emit' | 'fail'; readonly key: Key; readonly again: boolean }
  | { readonly type: 'peek' | 'forget'; readonly key: Key }
  | { readonly type: 'abort'; readonly signal: number }
  | { readonly type: 'listen' | 'unlisten'; readonly name: Key['name'] }
  | { readonly type: 'init' }
  | { readonly type: 'close'; readonly drain: number }
  // What other processes do
  | {
      readonly type: 'elsewhere'
      readonly does: 'emit' | 'fail' | 'forget'
      readonly key: Key
      /** The outcome that anybody emitted last, once more. */
      readonly again: boolean
    }
  // What goes wrong
  | { readonly type: 'block'; readonly ms: number }
  | { readonly type: 'cut'; readonly side: 'inputStore' | 'outputStore'; readonly ms: number }
  | { readonly type: 'freeze'; readonly ms: number }
  | { readonly type: 'refuse' | 'allow'; readonly name: Key['name'] }
  | { readonly type: 'delay'; readonly of: Delay; readonly ms: number }
  | { readonly type: 'recalls'; readonly fate: RecallFate; readonly count: number }
  | { readonly type: 'publish'; readonly fate: PublishFate }
  | { readonly type: 'message'; readonly fate: 'lost' | 'duplicated' }

export type RecallFate = 'error' | 'first unknown' | 'forbidden' | 'rejected'
export type PublishFate = 'forbidden' | 'not kept' | 'unacknowledged'

/** What happens, and how long after the one before: 0 is the same tick, before any promise job. */
interface Step {
  readonly after: number
  readonly action: Action
}

export interface Scenario {
  readonly setup: Setup
  readonly steps: readonly Step[]
}

/** How many signals a scenario has. */
export const signals = 2

const key: fc.Arbitrary<Key> = fc.record({
  name: fc.constantFrom('kept', 'kept', 'kept', 'plain'),
  id: fc.constantFrom('1', '1', '1', '2'),
})
const name = key.map(({ name }) => name)
const signal = fc.nat({ max: signals - 1 })

const again = fc.constantFrom(false, false, false, true)

const on: fc.Arbitrary<Action> = fc.record({
  type: fc.constant('on'),
  key,
  timeout: fc.constantFrom(300, 60, 20, 51, 120, 40_000, 800, 12_000, 3000),
  recall: fc.constantFrom(true, true, true, false),
  signal: fc.option(signal, { nil: undefined, freq: 2 }),
})

const inWeights: readonly (readonly [number, fc.Arbitrary<Action>])[] = [
  [14, on],
  [9, fc.record({ type: fc.constantFrom('emit', 'emit', 'emit', 'fail'), key, again })],
  [2, fc.record({ type: fc.constantFrom('peek', 'forget'), key })],
  [3, fc.record({ type: fc.constant('abort'), signal })],
  [3, fc.record({ type: fc.constantFrom('listen', 'unlisten'), name })],
  [1, fc.record({ type: fc.constant('init') })],
  [1, fc.record({ type: fc.constant('close'), drain: fc.constantFrom(0, 100, 3000) })],
  [
    14,
    fc.record({
      type: fc.constant('elsewhere'),
      does: fc.constantFrom('emit', 'emit', 'emit', 'fail', 'forget'),
      key,
      again,
    }),
  ],
  [3, fc.record({ type: fc.constant('block'), ms: fc.constantFrom(5, 30, 80, 400, 2000) })],
  [
    5,
    fc.record({
      type: fc.constant('cut'),
      side: fc.constantFrom('outputStore', 'outputStore', 'inputStore'),
      ms: fc.constantFrom(10, 100, 700, 6000),
    }),
  ],
  [2, fc.record({ type: fc.constant('freeze'), ms: fc.constantFrom(50, 500) })],
  [2, fc.record({ type: fc.constant('refuse'), name })],
  [2, fc.record({ type: fc.constant('allow'), name })],
  [
    5,
    fc.record({
      type: fc.constant('delay'),
      of: fc.constantFrom('subscribe', 'unsubscribe', 'deliver', 'publish', 'acknowledge', 'read', 'answer'),
      ms: fc.constantFrom(0, 3, 30, 200, 1500),
    }),
  ],
  [
    3,
    fc.record({
      type: fc.constant('recalls'),
      fate: fc.constantFrom('error', 'first unknown', 'forbidden', 'rejected'),
      count: fc.constantFrom(1, 3),
    }),
  ],
  [2, fc.record({ type: fc.constant('publish'), fate: fc.constantFrom('forbidden', 'not kept', 'unacknowledged') })],
  [3, fc.record({ type: fc.constant('message'), fate: fc.constantFrom('lost', 'duplicated') })],
]

const action = fc.oneof(...inWeights.map(([weight, arbitrary]) => ({ weight, arbitrary })))

const after = fc.oneof(
  { weight: 10, arbitrary: fc.constant(0) },
  { weight: 12, arbitrary: fc.constantFrom(0.25, 1, 2.5, 4) },
  { weight: 12, arbitrary: fc.constantFrom(10, 25.5, 50, 99) },
  { weight: 3, arbitrary: fc.constantFrom(260, 1000, 5100) },
  { weight: 1, arbitrary: fc.constantFrom(29_500, 31_000) },
)

/** The simplest value of each choice stands first: it is what shrinking ends with. */
export const scenario: fc.Arbitrary<Scenario> = fc.record({
  setup: fc.record({
    routing: fc.constantFrom('name', 'id', 'id'),
    home: fc.constantFrom('none', 'own', 'foreign'),
    keep: fc.constantFrom(60_000, 400),
    once: fc.constantFrom(false, true),
    backstop: fc.constantFrom(20_000, 500),
    listen: fc.constantFrom(false, false, true),
    dial: fc.constantFrom(1, 1, 40, 700, 15_000, 1, 1, 1),
    latency: fc.constantFrom(1, 1, 20, 100),
    inChunks: fc.boolean(),
    random: fc.nat({ max: 1000 }),
  }),
  steps: fc.array(fc.record({ after, action }), { minLength: 1, maxLength: 30, size: 'max' }),
})
