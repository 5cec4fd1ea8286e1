import { ABORTABLE, type Pending } from '../pending/pending'

interface Group<P> {
  readonly signal: AbortSignal
  readonly items: Set<P>
  readonly listener: () => void
}

/** One listener per signal, shared by all its waits and streams and gone with the last of them. */
export class Aborts<P extends Pending> {
  readonly #onAbort: (item: P, reason: unknown) => void
  readonly #bySignal = new Map<AbortSignal, Group<P>>()
  readonly #byWait = new Map<P, Group<P>>()

  constructor(onAbort: (item: P, reason: unknown) => void) {
    this.#onAbort = onAbort
  }

  add(item: P, signal: AbortSignal): void {
    const group = this.#bySignal.get(signal) ?? this.#listen(signal)
    group.items.add(item)
    this.#byWait.set(item, group)
    item.bits |= ABORTABLE
  }

  remove(item: P): void {
    const group = this.#byWait.get(item)
    if (group === undefined) return
    this.#byWait.delete(item)
    group.items.delete(item)
    if (group.items.size > 0) return
    this.#bySignal.delete(group.signal)
    try {
      group.signal.removeEventListener('abort', group.listener)
    } catch {
      // One that throws must not keep the others from their end.
    }
  }

  #listen(signal: AbortSignal): Group<P> {
    const items = new Set<P>()
    const listener = (): void => {
      const reason = reasonOf(signal)
      for (const item of [...items]) this.#onAbort(item, reason)
    }
    const group = { signal, items, listener }
    // If it throws, the next one that has this signal is to see that too.
    signal.addEventListener('abort', listener)
    this.#bySignal.set(signal, group)
    return group
  }
}

/** One that throws must not keep anybody from the end, either. */
export function reasonOf(signal: AbortSignal): unknown {
  try {
    return signal.reason
  } catch (error) {
    return error
  }
}
