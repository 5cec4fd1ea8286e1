import { ServerEventsError } from '../errors'
import { nextTurn } from './next-turn'

export function noop(): void {
  // handles a promise, or defers by one promise reaction
}

/** An error that a user gave, an abort's reason for one: it is passed on as it is, its stack too. */
class Given {
  readonly error: unknown

  constructor(error: unknown) {
    this.error = error
  }
}

export function given(error: unknown): Given {
  return new Given(error)
}

/** What such a promise will be rejected with, of what `makeError` has made. */
export function thrownOf(made: unknown): unknown {
  return made instanceof Given ? made.error : made
}

/**
 * Rejects a promise of which only `resolve` was kept, with an error whose stack begins at the line
 * that awaits the promise, and marks the promise as handled (promises derived from it are not).
 *
 * Nothing of this costs a pending wait a byte: no Error per wait, no second promise, no `reject`.
 */
export function rejectAtCaller(
  promise: Promise<unknown>,
  resolve: (value: never) => void,
  makeError: () => unknown,
  handled = true,
): void {
  resolve(rejectedAtCaller(promise, makeError, handled) as never)
}

const REJECTIONS_A_TURN = 256
let rejections = 0

/**
 * Whether a rejection is to come in the next turn of the event loop, as now and then one does: who asks again in a loop
 * without a pause, and is refused at once, would else keep timers and sockets from ever running, and the connection
 * from coming back.
 */
const comesLater = (): boolean => ++rejections % REJECTIONS_A_TURN === 0

/** Bun's engine does not walk from a reaction to who awaits: of a stack that begins there, nothing would be left. */
const WALKS_TO_CALLER = !('Bun' in globalThis)

/**
 * What `promise` is to be resolved with, so that it rejects as `rejectAtCaller` says.
 *
 * It works because V8 walks from a running promise reaction to the one awaiting function. So the
 * error is made inside a reaction of the promise that ours was resolved with, and only then is the
 * second reaction (`catch`) added: V8 stops walking at a promise that has two. (docs/decisions/0003)
 */
export function rejectedAtCaller(promise: Promise<unknown>, makeError: () => unknown, handled = true): Promise<never> {
  const throwing = (): never => {
    const made = makeError()
    if (WALKS_TO_CALLER && made instanceof ServerEventsError) {
      Error.captureStackTrace(made, throwing)
      if (!hasFrames(throwing)) made.stack = `${made.name}: ${made.message}${NOBODYS_FRAME}`
    }
    if (handled) promise.catch(noop)
    throw thrownOf(made)
  }
  return (comesLater() ? nextTurn() : Promise.resolve()).then(noop).then(throwing)
}

/** What a stack shows instead of the line that awaits, where nobody did yet. */
const NOBODYS_FRAME = '\n    at a promise that nobody awaited when it was rejected (await it at once to see the line)'

/**
 * Whether a stack that leaves `above` out has any frame, but for those of Node that run promise reactions. Asked without
 * making a text of it, which may take long with source maps.
 */
function hasFrames(above: () => unknown): boolean {
  const { stackTraceLimit } = Error
  // Frozen intrinsics are left alone.
  if (!(stackTraceLimit > 0) || Object.isFrozen(Error)) return true
  const probe: { stack?: unknown } = {}
  const present = Object.getOwnPropertyDescriptor(Error, 'prepareStackTrace')
  Error.prepareStackTrace = (_, frames) => frames.some(isUsers)
  try {
    Error.captureStackTrace(probe, above)
    return probe.stack === true
  } finally {
    if (present === undefined) Reflect.deleteProperty(Error, 'prepareStackTrace')
    else Object.defineProperty(Error, 'prepareStackTrace', present)
  }
}

function isUsers(frame: NodeJS.CallSite): boolean {
  return frame.getFileName()?.startsWith('node:') !== true
}

/** A rejection that is known at the call, as a promise that counts as handled. */
export function handledRejection(error: unknown): Promise<never> {
  // What a caller gave as an abort reason is passed on as it is, an Error or not.
  const promise = comesLater() ? nextTurn().then(() => Promise.reject(error)) : Promise.reject(error)
  promise.catch(noop)
  return promise
}

/** The same outcome; a rejection's stack begins at the line that awaits, and must be handled there. */
export function atCaller<T>(work: Promise<T>): Promise<T> {
  let settle!: (value: T | PromiseLike<T>) => void
  const promise = new Promise<T>((resolve) => {
    settle = resolve
  })
  work.then(settle, (error: unknown) => {
    rejectAtCaller(promise, settle, () => error, false)
  })
  return promise
}
