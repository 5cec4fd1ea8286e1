/** What a request may take beyond its own timeout, in ms. */
const grace = 1_000

/**
 * The answer, and whether it came later than `timeout` ms and a second: by a timer of this process, which a busy machine
 * holds up as it holds up the answer.
 */
export async function inTime<T>(asked: Promise<T>, timeout: number): Promise<{ answer: T; late: boolean }> {
  let late = false
  const timer = setTimeout(() => {
    late = true
  }, timeout + grace)
  const answer = await asked
  // What has arrived by now and waits behind the timer came before it.
  clearTimeout(timer)
  return { answer, late }
}
