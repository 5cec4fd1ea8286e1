import { setImmediate as yieldToEventLoop } from 'node:timers/promises'

/** What a job may ask for: up to here it is a matter of seconds, and doubles are exact. */
export const most = 10_000_000_000

/** Odd numbers sieved at a time: as many bytes as a core's cache holds, and a few ms of work. */
const segmentSize = 1 << 18

/**
 * Counts the primes below a number with a segmented sieve of Eratosthenes. Between segments it lets
 * the event loop run, so that other jobs, heartbeats and the signal get their turn.
 *
 * Rejects with a RangeError with a `code` for what it does not count, and with the signal's reason.
 */
export async function countPrimes(below: number, signal: AbortSignal): Promise<number> {
  if (!Number.isInteger(below) || below < 0 || below > most) throw outOfRange(below)
  if (below <= 2) return 0
  const factors = oddPrimesUpTo(Math.floor(Math.sqrt(below)))
  // Index i of a segment stands for the odd number low + 2i; next[k] is the index that factor k strikes next.
  const next = factors.map((prime) => (prime * prime - 1) / 2)
  const composite = new Uint8Array(segmentSize)
  let count = 1
  for (let low = 1; low < below; low += 2 * segmentSize) {
    const size = Math.min(segmentSize, Math.ceil((below - low) / 2))
    composite.fill(0)
    // 1 is no prime.
    if (low === 1) composite[0] = 1
    for (let k = 0; k < factors.length; k++) {
      const prime = factors[k] as number
      let index = next[k] as number
      for (; index < size; index += prime) composite[index] = 1
      next[k] = index - segmentSize
    }
    for (let index = 0; index < size; index++) count += 1 - (composite[index] as number)
    await yieldToEventLoop()
    signal.throwIfAborted()
  }
  return count
}

function oddPrimesUpTo(limit: number): number[] {
  const composite = new Uint8Array(limit + 1)
  const primes: number[] = []
  for (let candidate = 3; candidate <= limit; candidate += 2) {
    if (composite[candidate]) continue
    primes.push(candidate)
    for (let multiple = candidate * candidate; multiple <= limit; multiple += candidate) composite[multiple] = 1
  }
  return primes
}

function outOfRange(below: number): RangeError {
  const range = `a whole number from 0 to ${most.toLocaleString('en')}`
  const error = new RangeError(`The limit must be ${range}; ${below.toLocaleString('en')} is not.`)
  return Object.assign(error, { code: 'ERR_OUT_OF_RANGE' })
}
