import { clearImmediateAtLoad, clearTimeoutAtLoad, immediateAtLoad, timeoutAtLoad } from './clock'

/**
 * Deno asks its sockets when its event loop rests, and turns without asking them for as long as it has something to do:
 * there one turn reads nothing. It is let rest for these times, in ms: a rest that is over before it begins asks nothing.
 */
const rests = 'Deno' in globalThis ? [1, 2, 4, 8, 16] : []

/** Who comes later than this, in ms, comes late because the event loop was blocked, and not only busy. */
export const LATENESS = 20
/** The same, of who has rested meanwhile. */
const LATENESS_AFTER_RESTS = LATENESS + rests.reduce((sum, rest) => sum + rest, 0)
/** How often it begins anew then: a loop that is always late has to go on. */
const RETRIES = 3

/**
 * Calls back when what has arrived at the sockets has been read, once: for who comes late because the event loop was
 * blocked, and would else take for missing what lies there. Holds the process until then. Returns what calls it off.
 */
export function afterIncoming(work: () => void): () => void {
  let immediate: NodeJS.Immediate | undefined
  let timer: NodeJS.Timeout | undefined
  const after = ([rest, ...more]: readonly number[], done: () => void): void => {
    if (rest === undefined) immediate = immediateAtLoad(done)
    else timer = timeoutAtLoad(() => after(more, done), rest)
  }
  const read = (left: number): void => {
    const begun = performance.now()
    after(rests, () => {
      if (left > 0 && performance.now() - begun > LATENESS_AFTER_RESTS) read(left - 1)
      else work()
    })
  }
  read(RETRIES)
  return () => {
    clearImmediateAtLoad(immediate)
    clearTimeoutAtLoad(timer)
  }
}
