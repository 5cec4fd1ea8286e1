import { ServerEventsError } from '../errors'
import { quoted } from '../text'
import type { Store } from '../transport'

/** Removes the listener; a second call does nothing. */
export type Unsubscribe = () => void
/** Called with the side that is up. What it throws becomes a process warning. */
export type ReadyListener = (store: Store) => unknown
/** `error` is one of ours, or what a listener given to `listen` threw. */
export type ErrorListener = (store: Store, error: Error) => unknown

/** What is told only once is remembered up to this number of each kind; a peer may make up names for ever. */
const rememberedOnce = 1000

/** Tells onready and onerror listeners; a listener that throws or rejects ends up in a process warning. */
export class Reports {
  readonly #ready = new Set<{ listener: ReadyListener }>()
  readonly #error = new Set<{ listener: ErrorListener }>()
  readonly #once = new Map<string, Set<string>>()
  readonly #warned = new Set<string>()

  onready(listener: ReadyListener): Unsubscribe {
    return register(this.#ready, listener)
  }

  onerror(listener: ErrorListener): Unsubscribe {
    return register(this.#error, listener)
  }

  ready(store: Store): void {
    for (const { listener } of [...this.#ready]) this.tellReady(listener, store)
  }

  tellReady(listener: ReadyListener, store: Store): void {
    call('onready', () => listener(store))
  }

  error(store: Store, error: Error): void {
    if (this.#error.size > 0) {
      for (const { listener } of [...this.#error]) call('onerror', () => listener(store, error))
      return
    }
    const code = error instanceof ServerEventsError ? error.code : 'ERR_LISTENER'
    const kind = `${store} ${code}`
    if (this.#warned.has(kind)) return
    this.#warned.add(kind)
    warn(`${store}: ${error.message} (further ${code} are not shown; listen with onerror)`, code)
  }

  /** A listener given to `listen` threw or rejected: its own error is passed on, for its stack. */
  listenerFailed(name: string, error: unknown): void {
    const what = `a listener of event ${quoted(name)} failed`
    this.error('outputStore', error instanceof Error ? error : new Error(`${what} with a ${typeof error}`))
  }

  /** Tells an error of which there may be thousands a second: the first of each kind. */
  once(kind: string, what: string, store: Store, error: () => ServerEventsError): void {
    const told = this.#once.get(kind) ?? new Set()
    this.#once.set(kind, told)
    if (told.has(what) || told.size >= rememberedOnce) return
    told.add(what)
    this.error(store, error())
  }
}

function register<L>(listeners: Set<{ listener: L }>, listener: L): Unsubscribe {
  const entry = { listener }
  listeners.add(entry)
  return () => {
    listeners.delete(entry)
  }
}

/**
 * Calls what a user gave us; whatever it throws or rejects with goes to `failed`, not to the process.
 * Returns a promise, which never rejects, while it is still at work.
 */
export function guard(callback: () => unknown, failed: (error: unknown) => void): Promise<unknown> | undefined {
  try {
    const result = callback()
    if (isThenable(result)) return Promise.resolve(result).then(undefined, failed)
  } catch (error) {
    failed(error)
  }
  return undefined
}

export function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof value === 'object' && value !== null && typeof (value as { then?: unknown }).then === 'function'
}

function call(kind: 'onready' | 'onerror', callback: () => unknown): void {
  void guard(callback, (error) => {
    warn(`a listener of ${kind} failed: ${describe(error)}`, 'ERR_LISTENER')
  })
}

function describe(error: unknown): string {
  return error instanceof Error ? `${error.name}: ${error.message}` : typeof error
}

function warn(message: string, code: string): void {
  process.emitWarning(message, { type: 'ServerEventsWarning', code })
}
