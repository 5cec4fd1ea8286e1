import fc from 'fast-check'
import { loadEngine } from './load-engine'
import type { Mutant } from './mutants'
import { play, type Subject } from './play'
import { scenario, type Scenario } from './scenario'
import { VirtualTime } from './virtual-time'

interface Exploration {
  readonly runs: number
  readonly seed: number
  /** Of a run that failed before: plays the shrunk scenario at once. */
  readonly path?: string | undefined
  /** Default: the engine as it is. */
  readonly mutant?: Mutant | undefined
  /** Default true: a scenario that fails is reduced to what it needs. */
  readonly shrink?: boolean
}

export interface Finding {
  readonly violation: string
  /** The shrunk scenario, as it went. */
  readonly history: readonly string[]
  readonly scenario: Scenario
  /** In which run it was found. */
  readonly run: number
  readonly path: string
}

/** Plays random scenarios until one breaks a rule. */
export async function explore({ runs, seed, path, mutant, shrink = true }: Exploration): Promise<Finding | undefined> {
  const subject = newSubject(mutant)
  const property = fc.asyncProperty(scenario, async (given) => (await play(subject, given)) === undefined)
  const details = await withoutStacks(() =>
    fc.check(property, { numRuns: runs, seed, endOnFailure: !shrink, ...(path === undefined ? {} : { path }) }),
  )
  if (!details.failed) return undefined
  if (details.counterexample === null) throw new Error('nothing was played: is the path of this seed?')
  const [failing] = details.counterexample
  const history: string[] = []
  const violation = await play(subject, failing, (line) => history.push(line))
  return {
    violation: violation ?? 'found once, but not again: the simulation is not deterministic',
    history,
    scenario: failing,
    run: details.numRuns,
    path: details.counterexamplePath,
  }
}

/** Stacks are a third of the work, and only the last replay needs any. */
async function withoutStacks<T>(work: () => Promise<T>): Promise<T> {
  const { stackTraceLimit } = Error
  Error.stackTraceLimit = 0
  try {
    return await work()
  } finally {
    Error.stackTraceLimit = stackTraceLimit
  }
}

export function newSubject(mutant: Mutant | undefined): Subject {
  const time = new VirtualTime()
  const globals = {
    ...time.globals(),
    process: {
      nextTick: process.nextTick.bind(process),
      emitWarning: (message: string) => {
        throw new Error(`an unexpected warning: ${message}`)
      },
    },
  }
  return { time, core: loadEngine(globals, mutant) }
}
