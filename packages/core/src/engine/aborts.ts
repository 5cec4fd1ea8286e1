import { ABORTABLE, type Wait } from './wait'

interface Group {
  readonly signal: AbortSignal
  readonly waits: Set<Wait>
  readonly listener: () => void
}

/** One listener per signal, shared by all its waits and gone with the last of them. */
export class Aborts {
  readonly #onAbort: (wait: Wait, reason: unknown) => void
  readonly #bySignal = new Map<AbortSignal, Group>()
  readonly #byWait = new Map<Wait, Group>()

  constructor(onAbort: (wait: Wait, reason: unknown) => void) {
    this.#onAbort = onAbort
  }

  add(wait: Wait, signal: AbortSignal): void {
    const group = this.#bySignal.get(signal) ?? this.#listen(signal)
    group.waits.add(wait)
    this.#byWait.set(wait, group)
    wait.bits |= ABORTABLE
  }

  remove(wait: Wait): void {
    const group = this.#byWait.get(wait)
    if (group === undefined) return
    this.#byWait.delete(wait)
    group.waits.delete(wait)
    if (group.waits.size > 0) return
    this.#bySignal.delete(group.signal)
    group.signal.removeEventListener('abort', group.listener)
  }

  #listen(signal: AbortSignal): Group {
    const waits = new Set<Wait>()
    const listener = (): void => {
      for (const wait of [...waits]) this.#onAbort(wait, signal.reason)
    }
    const group = { signal, waits, listener }
    this.#bySignal.set(signal, group)
    signal.addEventListener('abort', listener)
    return group
  }
}
