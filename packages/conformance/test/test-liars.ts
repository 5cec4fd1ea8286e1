import { transportConformance } from '@server-events/conformance'
import type { ConformanceHub } from '@server-events/conformance'
import { secret } from './liars'
import type { Liar, World } from './liars'
import { toyHub } from './toy-hub'

/** A test for each: it fails its case, and says which line it breaks. */
export function failTheirCases(liars: readonly Liar[]): void {
  testEach(liars, async (liar) => {
    const messages: string[] = []
    // On a machine that stalls the hub cannot be reached in so short a time; what is late is not late with much patience.
    for (const timeout of [impatient, impatient, 1_000, 3_000, patient]) {
      const run = casesFor(liar, timeout).get(liar.fails)
      messages.push(
        await run!().then(
          () => 'caught by nothing',
          (error: unknown) => (error as Error).message,
        ),
      )
      if (says.test(messages.at(-1)!)) return
    }
    expect(messages).toContainEqual(expect.stringMatching(says))
  })
}

/** A test for each: it fails its case, and no other but those that it may. */
export function failNoOthers(liars: readonly Liar[]): void {
  testEach(liars, async (liar) => {
    const failures = await failuresOf(liar)
    expect([...failures.keys()]).toContain(liar.fails)
    expect([...failures].filter(([title, message]) => !mayFail(liar, title, message))).toEqual([])
    for (const message of failures.values()) expect(message).toMatch(says)
  })
}

const says = /^(contract \d|\w+\.\w+|errors) \(.+\)\. The transport: .+/s

function testEach(liars: readonly Liar[], run: (liar: Liar) => Promise<void>): void {
  // Cases that presuppose what a lie takes away say so.
  beforeAll(() => jest.spyOn(process, 'emitWarning').mockReturnValue())
  afterAll(() => jest.restoreAllMocks())
  test.each(liars)('one that $lie', run)
}

const LOOKS_AT_THE_PROCESS = 'lifecycle: after close no timer or socket of it holds the process'

function mayFail({ fails, also }: Liar, title: string, message: string): boolean {
  return typeof also === 'string' ? lineOf(message) === also : title === fails || also.includes(title)
}

const lineOf = (message: string): string => message.slice(0, message.indexOf(' ('))

/** ms. A lie that leaves nothing to see but silence takes as long as this. */
const impatient = 300
const patient = 10_000

export function casesFor({ make }: Liar, timeout = impatient): Map<string, () => Promise<void>> {
  const cases = new Map<string, () => Promise<void>>()
  const createHub = (): ConformanceHub => {
    const world: World = { topics: [], cleanup: [], retained: new Map() }
    const hub = toyHub((client) => make(client, world))
    return { ...hub, secrets: [secret], close: () => (world.cleanup.forEach((clean) => clean()), hub.close()) }
  }
  transportConformance({ test: (title, run) => cases.set(title, run), createHub, timeout })
  return cases
}

/**
 * Title of the case -> its message. Cases run at the same time, but for those that wait for many turns of the event
 * loop, which others would make long, and the one that looks at the process.
 */
async function failuresOf(liar: Liar): Promise<Map<string, string>> {
  const failures = new Map<string, string>()
  const run = async (title: string, one: () => Promise<void>): Promise<void> => {
    failures.delete(title)
    await one().catch((error: unknown) => void failures.set(title, (error as Error).message))
  }
  const cases = [...casesFor(liar)]
  const wave = (title: string): number => (title === LOOKS_AT_THE_PROCESS ? 2 : title.startsWith('outage: ') ? 1 : 0)
  for (const which of [0, 1, 2])
    await Promise.all(cases.filter(([title]) => wave(title) === which).map(([title, one]) => run(title, one)))
  // On a machine that stalls the honest are late, too.
  const late = [...failures].flatMap(([title, message]) => (mayFail(liar, title, message) ? [] : [title]))
  for (const title of late) await run(title, casesFor(liar, patient).get(title)!)
  return failures
}
