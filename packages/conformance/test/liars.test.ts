import { transportConformance } from '@server-events/conformance'
import type { ConformanceHub } from '@server-events/conformance'
import { liesOfKeeping } from './lies-of-keeping'
import { liesOfLiving } from './lies-of-living'
import { liesOfPublishing } from './lies-of-publishing'
import { liesOfSubscribing } from './lies-of-subscribing'
import type { Liar, World } from './liars'
import { toyHub } from './toy-hub'

const liars = [...liesOfLiving, ...liesOfSubscribing, ...liesOfPublishing, ...liesOfKeeping]
const looksAtTheProcess = 'lifecycle: after close no timer or socket of it holds the process'

// Cases that presuppose what a lie takes away say so.
beforeAll(() => jest.spyOn(process, 'emitWarning').mockReturnValue())
afterAll(() => jest.restoreAllMocks())

test('every case has its liar', () => {
  const caught = new Set(liars.map(({ fails }) => fails))
  expect([...casesFor(liars[0]!).keys()].filter((title) => !caught.has(title))).toEqual([])
})

test.each(liars)('one that $lie', async (liar) => {
  const failures = await failuresOf(liar)
  expect([...failures.keys()]).toEqual([liar.fails])
  expect(failures.get(liar.fails)).toMatch(/^(contract \d|\w+\.\w+) \(.+\)\. The transport: .+/s)
})

/** ms. A lie that leaves nothing to see but silence takes as long as this. */
const impatient = 300
const patient = 10_000

function casesFor({ make }: Liar, timeout = impatient): Map<string, () => Promise<void>> {
  const cases = new Map<string, () => Promise<void>>()
  const createHub = (): ConformanceHub => {
    const world: World = { topics: [], cleanup: [] }
    const hub = toyHub((client) => make(client, world))
    return { ...hub, close: () => world.cleanup.forEach((clean) => clean()) }
  }
  transportConformance({ test: (title, run) => cases.set(title, run), createHub, timeout })
  return cases
}

/** Title of the case -> its message. Cases run at the same time, but for the one that looks at the process. */
async function failuresOf(liar: Liar): Promise<Map<string, string>> {
  const failures = new Map<string, string>()
  const run = async (title: string, one: () => Promise<void>): Promise<void> => {
    failures.delete(title)
    await one().catch((error: unknown) => void failures.set(title, (error as Error).message))
  }
  const cases = casesFor(liar)
  const alone = cases.get(looksAtTheProcess)!
  cases.delete(looksAtTheProcess)
  await Promise.all([...cases].map(([title, one]) => run(title, one)))
  await run(looksAtTheProcess, alone)
  // On a machine that stalls the honest are late, too.
  const late = [...failures.keys()].filter((title) => title !== liar.fails)
  for (const title of late) await run(title, casesFor(liar, patient).get(title)!)
  return failures
}
