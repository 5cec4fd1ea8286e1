import { ABORTABLE, type Pending } from './pending'

interface Group {
  readonly signal: AbortSignal
  readonly items: Set<Pending>
  readonly listener: () => void
}

/** One listener per signal, shared by all its waits and streams and gone with the last of them. */
export class Aborts {
  readonly #onAbort: (item: Pending, reason: unknown) => void
  readonly #bySignal = new Map<AbortSignal, Group>()
  readonly #byWait = new Map<Pending, Group>()

  constructor(onAbort: (item: Pending, reason: unknown) => void) {
    this.#onAbort = onAbort
  }

  add(item: Pending, signal: AbortSignal): void {
    const group = this.#bySignal.get(signal) ?? this.#listen(signal)
    group.items.add(item)
    this.#byWait.set(item, group)
    item.bits |= ABORTABLE
  }

  remove(item: Pending): void {
    const group = this.#byWait.get(item)
    if (group === undefined) return
    this.#byWait.delete(item)
    group.items.delete(item)
    if (group.items.size > 0) return
    this.#bySignal.delete(group.signal)
    group.signal.removeEventListener('abort', group.listener)
  }

  #listen(signal: AbortSignal): Group {
    const items = new Set<Pending>()
    const listener = (): void => {
      for (const item of [...items]) this.#onAbort(item, signal.reason)
    }
    const group = { signal, items, listener }
    this.#bySignal.set(signal, group)
    signal.addEventListener('abort', listener)
    return group
  }
}
