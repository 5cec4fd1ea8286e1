import { isLinearizable } from './checker'
import type { Operation, Rules } from './checker'
import { memoryRecorder, serverRecorder } from './record'
import type { Recorder } from './record'

const strict: Rules = { once: true, again: false }
const lenient: Rules = { once: true, again: true }
const last: Rules = { once: false, again: false }

/** `emit a 0-2 settled`, `read - 3-4`: kind, value, from and to, result if it is not ok. */
function operation(text: string): Operation {
  const [kind, value, times = '', result = 'ok'] = text.split(' ')
  const [start, end] = times.split('-').map(Number)
  return { kind, value: value === '-' ? undefined : value, start, end, result } as Operation
}

describe('a history is right', () => {
  test.each<[string, Rules, string[]]>([
    ['one outcome for all', strict, ['emit a 0-1', 'emit b 2-3 settled', 'read a 4-5', 'see a 4-5']],
    ['the same again', strict, ['emit a 0-1', 'emit a 2-3', 'read a 4-5']],
    ['whoever of two at a time', strict, ['emit a 0-9', 'emit b 0-9 settled', 'read - 1-2', 'read a 3-4']],
    ['forgotten, then another', strict, ['emit a 0-1', 'forget - 2-3', 'read - 4-5', 'emit b 6-7', 'read b 8-9']],
    ['heard late', strict, ['emit a 0-1', 'forget - 2-3', 'see a 4-5']],
    ['in doubt, and it happened late', strict, ['emit a 0-1 uncertain', 'read - 2-3', 'read a 4-5']],
    ['in doubt, and it never happened', strict, ['emit a 0-1 uncertain', 'emit b 2-3', 'read b 4-5']],
    ['a try whose answer was lost, forgotten, and another', lenient,
      ['emit a 0-9 settled', 'read a 1-2', 'forget - 3-4', 'emit b 5-6']], // prettier-ignore
    ['heard, and not kept', last, ['emit a 0-1', 'emit b 2-3 unkept', 'see b 2-3', 'read a 4-5']],
    [
      'heard before it was stored, where it may be',
      { ...last, early: true },
      ['emit a 0-9', 'see a 1-2', 'read - 3-4'],
    ],
    ['the last one wins', last, ['emit a 0-1', 'emit b 2-3', 'read b 4-5']],
  ])('%s', (_, rules, texts) => {
    expect(isLinearizable(texts.map(operation), rules)).toBe(true)
  })
})

describe('a planted wrong history is found', () => {
  test.each<[string, Rules, string[]]>([
    ['two outcomes', lenient, ['emit a 0-1', 'emit b 2-3']],
    ['two outcomes at a time', lenient, ['emit a 0-9', 'emit b 0-9']],
    ['the second one is kept', lenient, ['emit a 0-1', 'emit b 2-3 settled', 'read b 4-5']],
    ['one server heard the loser', lenient, ['emit a 0-9', 'emit b 0-9 settled', 'see b 4-5', 'see a 4-5']],
    ['it is gone', lenient, ['emit a 0-1', 'read - 2-3']],
    ['refused where nothing is', lenient, ['emit a 0-1 settled']],
    ['refused by the same', lenient, ['emit a 0-1', 'emit a 2-3 settled']],
    ['read before it was emitted', lenient, ['read a 0-1', 'emit a 2-3']],
    ['heard before it was emitted', lenient, ['see a 0-1', 'emit a 2-3']],
    ['read what nobody emitted', lenient, ['emit a 0-1', 'read c 2-3']],
    ['there after it was forgotten', lenient, ['emit a 0-1', 'forget - 2-3', 'read a 4-5']],
    [
      'forgotten twice without a fault',
      strict,
      ['forget - 0-9', 'emit a 1-2', 'read a 3-4', 'emit b 5-6', 'read b 7-8', 'emit c 7-8'],
    ],
    ['in doubt, there, and gone', lenient, ['emit a 0-1 uncertain', 'read a 2-3', 'read - 4-5']],
    ['a lost answer is no licence', strict, ['emit a 0-9 settled', 'read a 1-2', 'forget - 3-4', 'emit b 5-6']],
    ['heard before it was announced without being kept', last, ['see b 0-1', 'emit b 2-3 unkept']],
    ['heard before it was stored', last, ['emit a 0-9', 'see a 1-2', 'read - 3-4']],
    ['heard what nobody emitted', { ...last, early: true }, ['emit a 0-1', 'see b 2-3']],
    ['the first of two comes back', last, ['emit a 0-1', 'emit b 2-3', 'read a 4-5']],
  ])('%s', (_, rules, texts) => {
    expect(isLinearizable(texts.map(operation), rules)).toBe(false)
  })
})

/** Of seconds; thousands are recorded by `npm run histories`. */
const seed = Date.now() % 1_000_000

describe.each<[string, () => Recorder | Promise<Recorder>]>([
  ['memory', memoryRecorder],
  ['redis', () => serverRecorder('redis')],
  ['a Redis Cluster', () => serverRecorder('cluster')],
  ['nats', () => serverRecorder('nats')],
  ['postgres', () => serverRecorder('postgres')],
])('three processes on %s', (name, make) => {
  let recorder: Recorder
  beforeAll(async () => {
    recorder = await make()
  })
  afterAll(() => recorder.close())

  test.each([
    { once: true, faults: true },
    { once: true, faults: false },
    { once: false, faults: true },
  ])('have one truth of each id: %j', async ({ once, faults }) => {
    const own = seed + 2 * Number(once) + Number(faults)
    const histories = await recorder.record({ seed: own, ids: 60, once, faults })
    const wrong = histories.filter(
      (history) => !isLinearizable(history, { once, again: faults, early: name.endsWith('Cluster') }),
    )
    expect({ seed: own, wrong }).toEqual({ seed: own, wrong: [] })
    expect(histories.some((history) => history.some(({ kind }) => kind === 'see'))).toBe(true)
  })
})
