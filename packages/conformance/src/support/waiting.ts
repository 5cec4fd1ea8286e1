import { performance } from 'node:perf_hooks'

export type Settled = { readonly ok: true; readonly value: unknown } | { readonly ok: false; readonly error: unknown }

/** A turn of the event loop, and some time. */
export function pause(ms = 2): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}

/** A turn of the event loop: the promise reactions and the callbacks that are due have run when it resolves. */
export function turn(): Promise<void> {
  return new Promise(setImmediate)
}

/** Ends when the probe is true, or after so many ms. */
export async function until(probe: () => boolean | Promise<boolean>, ms: number): Promise<void> {
  const deadline = performance.now() + ms
  for (let looks = 0; !(await probe()) && performance.now() < deadline; looks++) await (looks < 10 ? turn() : pause())
}

/** How the promise settled; `undefined` if it did not in so many ms, or before `ended`. */
export async function settledWithin(
  promise: Promise<unknown>,
  ms: number,
  ended?: Promise<undefined>,
): Promise<Settled | undefined> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<undefined>((resolve) => {
    timer = setTimeout(() => resolve(undefined), ms)
  })
  try {
    return await Promise.race([howItSettles(promise), late, ...(ended ? [ended] : [])])
  } finally {
    clearTimeout(timer)
  }
}

export function howItSettles(promise: Promise<unknown>): Promise<Settled> {
  return promise.then(
    (value) => ({ ok: true as const, value }),
    (error: unknown) => ({ ok: false as const, error }),
  )
}

export function isPending(promise: Promise<unknown>): () => boolean {
  let pending = true
  const settled = (): void => {
    pending = false
  }
  promise.then(settled, settled)
  return () => pending
}
