import type { Answer } from './api-server'

interface Expectation {
  readonly below: number
  readonly what: string
  readonly status: number
  readonly content: string
  readonly right: (answer: Answer) => boolean
}

const expectations: readonly Expectation[] = [
  {
    what: 'a job that succeeds',
    below: 1_000_000,
    status: 200,
    content: '78,498 primes',
    right: ({ report }) => report?.primes === 78_498,
  },
  {
    what: 'a job that the worker refuses',
    below: 1_000_000_000_000,
    status: 422,
    content: 'the RangeError of the worker',
    right: ({ error }) => error?.name === 'RangeError' && error.code === 'ERR_OUT_OF_RANGE' && error.message !== '',
  },
  {
    what: 'a job that takes too long',
    below: 10_000_000_000,
    status: 504,
    content: 'a TimeoutError',
    right: ({ error }) => error?.name === 'TimeoutError' && error.code === 'ERR_TIMEOUT',
  },
]

/** One success, one failure and one timeout over HTTP; tells each, and resolves with whether all came out right. */
export async function runOnce(url: string, say: (line: string) => void): Promise<boolean> {
  const servers = new Set<string>()
  let wrong = 0
  for (const { what, below, status, content, right } of expectations) {
    say(`${what}: primes below ${below.toLocaleString('en')}`)
    const response = await fetch(new URL('api/jobs', url), {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ below }),
    })
    const answer = (await response.json()) as Answer
    const correct = response.status === status && right(answer)
    if (!correct) wrong++
    servers.add(answer.server)
    say(`  ${response.status} from API server ${answer.server} after ${answer.took} ms: ${describe(answer)}`)
    say(correct ? '  as it should be' : `  WRONG: it should be ${status}, with ${content}`)
  }
  if (servers.size !== 2) {
    wrong++
    say(`WRONG: two API servers should have answered, not only ${[...servers].join(', ')}`)
  }
  return wrong === 0
}

function describe({ report, error }: Answer): string {
  if (report) return `${report.primes.toLocaleString('en')} primes, computed in ${report.computed} ms`
  if (error) return `${error.name} (${error.code ?? 'no code'}): ${error.message}`
  return 'neither a report nor an error'
}
