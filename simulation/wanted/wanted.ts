import fc from 'fast-check'
import type * as Core from 'server-events'
import { newSubject } from '../explore'
import type { Mutant } from '../mutants'
import type { Subject } from '../play'
import { Hub, type Member } from './wanted-world'

/*
 * Three servers that may wait for one event, and a worker that asks whether anybody does. The rules:
 * it does not stop while one of them waits that was away once at most in four questions, and for less
 * than the time between two; and it stops in time when nobody waits, if nothing is wrong with itself.
 */

const every = 1000
const within = 300
const options = { every, within }
const servers = 3
/** In ms: of timers that round, and of ways. */
const slack = 300

type Action =
  | { readonly type: 'wait'; readonly server: number; readonly timeout: number }
  | { readonly type: 'wait everywhere'; readonly timeout: number }
  | { readonly type: 'abort' | 'kill' | 'abort others'; readonly server: number }
  | { readonly type: 'cut'; readonly server: number; readonly ms: number }
  | { readonly type: 'cut worker' | 'deafen worker'; readonly ms: number }
  | { readonly type: 'latency'; readonly ms: number }

interface Step {
  readonly after: number
  readonly action: Action
}

const server = fc.nat({ max: servers - 1 })
const scenario: fc.Arbitrary<readonly Step[]> = fc.array(
  fc.record({
    after: fc.constantFrom(0, 100, 450, 1000, 2700),
    action: fc.oneof<fc.Arbitrary<Action>[]>(
      fc.record({ type: fc.constant('wait'), server, timeout: fc.constantFrom(60_000, 8000, 700) }),
      fc.record({ type: fc.constant('wait everywhere'), timeout: fc.constantFrom(60_000, 8000) }),
      fc.record({ type: fc.constantFrom('abort', 'kill', 'abort others'), server }),
      fc.record({ type: fc.constant('cut'), server, ms: fc.constantFrom(10, 300, 600) }),
      fc.record({ type: fc.constantFrom('cut worker', 'deafen worker'), ms: fc.constantFrom(5, 400, 3000) }),
      fc.record({ type: fc.constant('latency'), ms: fc.constantFrom(1, 30) }),
    ),
  }),
  { minLength: 1, maxLength: 12, size: 'max' },
)

interface Server {
  readonly events: Core.ServerEvents
  readonly member: Member
  /** When it began to wait, if it does; and when it was last away, since then. */
  since: number | undefined
  away: number[]
  aborting: AbortController
}

async function play({ time, core }: Subject, steps: readonly Step[]): Promise<string | undefined> {
  time.reset(1, false)
  const hub = new Hub(time)
  const all: Server[] = Array.from({ length: servers }, () => {
    const member = hub.join()
    const events = new core.ServerEvents(member)
    events.onerror(() => undefined)
    return { events, member, since: undefined, away: [], aborting: new AbortController() }
  })
  const workersMember = hub.join()
  const worker = new core.ServerEvents(workersMember)
  worker.onerror(() => undefined)
  const keep = all[0] as Server
  let violation: string | undefined
  /** From when on it should find out that nobody waits, if nothing else happens. */
  let quiet = time.now
  const wait = (one: Server, timeout: number): void => {
    if (!hub.isThere(one.member) || one.since !== undefined) return
    one.since = time.now
    one.away = []
    one.aborting = new AbortController()
    const ended = (): void => {
      one.since = undefined
      quiet = time.now
    }
    one.events.on('report', '42', { timeout, signal: one.aborting.signal }).then(ended, ended)
  }
  wait(keep, 60_000)
  await time.run(50)
  const wanted = worker.wanted('report', '42', options)
  let aborted: number | undefined
  wanted.signal.addEventListener('abort', () => {
    aborted = time.now
    for (const { since, away, member } of all) {
      const from = time.now - 4 * every - within - slack
      const missed = away.filter((at) => at > from)
      if (hub.isThere(member) && since !== undefined && since < from && missed.length <= 1)
        violation ??= 'it stopped although somebody waits'
    }
  })
  for (const { after, action } of steps) {
    await time.run(after)
    switch (action.type) {
      case 'latency':
        hub.latency = action.ms
        break
      case 'wait everywhere':
        for (const one of all) wait(one, action.timeout)
        break
      case 'cut worker':
        workersMember.cut(action.ms)
        quiet = time.now + action.ms
        break
      case 'deafen worker':
        workersMember.deafen(action.ms)
        quiet = time.now + action.ms
        break
      default: {
        const one = all[action.server] as Server
        if (action.type === 'wait') wait(one, action.timeout)
        else if (action.type === 'cut') {
          one.member.cut(action.ms)
          one.away.push(time.now)
        } else if (action.type === 'abort') one.aborting.abort()
        else if (action.type === 'abort others') {
          for (const other of all) if (other !== one) other.aborting.abort()
        } else {
          hub.drop(one.member)
          if (one.since !== undefined) quiet = time.now
          one.since = undefined
        }
      }
    }
  }
  // Nobody waits for longer than a minute.
  await time.run(61_000)
  quiet = Math.min(quiet, time.now)
  await time.run(2 * (every + within) + 2 * every + slack)
  if (aborted === undefined) violation ??= 'it goes on although nobody waits'
  else if (aborted > quiet + 2 * (every + within) + every / 10 + 2 * slack + 3000)
    violation ??= `it stopped ${Math.round(aborted - quiet)} ms after the last had gone`
  for (const { events } of [...all, { events: worker }]) void events.close()
  await time.run(2000)
  return violation
}

/** Plays random scenarios until one breaks a rule. Gives what was broken, and the scenario, shrunk. */
export async function exploreWanted(runs: number, seed: number, mutant?: Mutant): Promise<string | undefined> {
  const subject = newSubject(mutant)
  const property = fc.asyncProperty(scenario, async (steps) => (await play(subject, steps)) === undefined)
  const details = await fc.check(property, { numRuns: runs, seed, endOnFailure: mutant !== undefined })
  if (!details.failed || details.counterexample === null) return undefined
  const [steps] = details.counterexample
  return `${String(await play(subject, steps))}: seed ${seed}, ${JSON.stringify(steps)}`
}

const asking = 'wanted/asking.ts'
const questions = 'wanted/questions.ts'

export const mutantsOfWanted: readonly Mutant[] = [
  {
    name: 'one question without an answer is enough',
    edits: [{ file: asking, search: 'const ENOUGH = 2', replace: 'const ENOUGH = 1' }],
  },
  {
    name: 'who asks does not look whether it hears',
    edits: [
      {
        file: asking,
        search: 'this.#follow(this.#host.echo(this, this.#number), () => undefined)',
        replace: 'this.echoed(this.#number)\n    return',
      },
    ],
  },
  {
    name: 'who waits does not answer',
    edits: [{ file: questions, search: 'entry.waits.has(key.id) || ', replace: '' }],
  },
  {
    name: 'who is told of an end asks in haste behind a question that was not answered',
    edits: [
      {
        file: asking,
        search: 'this.#unanswered > 0 ? this.#every : this.#every / SOONEST',
        replace: 'this.#every / SOONEST',
      },
    ],
  },
  {
    name: 'the second question is never asked',
    edits: [
      {
        file: asking,
        search: 'if (++this.#unanswered < ENOUGH) this.#next()',
        replace: 'if (++this.#unanswered < ENOUGH) this.#heard = undefined',
      },
    ],
  },
]
