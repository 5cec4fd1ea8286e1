import { AsyncLocalStorage } from 'node:async_hooks'
import { inThisContext } from '../base/context'
import { guard } from '../base/guard'
import type { ServerEventsError } from '../errors'
import { quoted } from '../text'
import type { Side } from '../transport'

/** Removes the listener; a second call does nothing. */
export type Unsubscribe = () => void
/** Called with the side that is up. What it throws becomes a process warning. */
export type ReadyListener = (store: Side) => unknown
/** One of ours, or what a listener given to `listen` threw, which may have a code of its own. */
export type ReportedError = ServerEventsError | (Error & { readonly code?: string })
/** The event that an error is about. */
export interface About {
  readonly name: string
  readonly id: string
}
/** `about` is the event that was emitted or heard, where the error is about one. */
export type ErrorListener = (store: Side, error: ReportedError, about?: About) => unknown

/** What is told only once is remembered up to this number of each kind; a peer may make up names for ever. */
const REMEMBERED_ONCE = 1000
/**
 * What an onerror listener emits is told when it rejects, and what it emits when it is told of that.
 * So it goes on up to here: a listener that always emits would never end.
 */
const DEEPEST = 3
/**
 * How many calls of onerror, each by an emit of the one before, have led to what runs. There is one for all instances,
 * which runs only what is told of emits: on Node before 24 each storage in use makes every promise dearer.
 */
const depths = new AsyncLocalStorage<number>()

/** Tells onready and onerror listeners; a listener that throws or rejects ends up in a process warning. */
export class Reports {
  readonly #ready = new Set<{ readonly listener: ReadyListener }>()
  readonly #error = new Set<{ readonly listener: (depth: number, ...told: Parameters<ErrorListener>) => unknown }>()
  readonly #once = new Map<string, Set<string>>()

  onready(listener: ReadyListener, up: readonly Side[]): Unsubscribe {
    const entry = { listener: inThisContext(listener) }
    this.#ready.add(entry)
    // Later, since what the listener calls may be what this call is about to return.
    void Promise.resolve().then(() => {
      for (const store of up) if (this.#ready.has(entry)) tellReady(entry.listener, store)
    })
    return () => {
      this.#ready.delete(entry)
    }
  }

  onerror(listener: ErrorListener): Unsubscribe {
    const entry = {
      listener: inThisContext((depth: number, ...told: Parameters<ErrorListener>) =>
        depth === 0 ? listener(...told) : depths.run(depth, () => listener(...told)),
      ),
    }
    this.#error.add(entry)
    return () => {
      this.#error.delete(entry)
    }
  }

  ready(store: Side): void {
    for (const { listener } of [...this.#ready]) tellReady(listener, store)
  }

  /** Of `depths`, for an emit that is called now. */
  get depth(): number {
    return depths.getStore() ?? 0
  }

  error(store: Side, error: ReportedError, about?: About): void {
    if (!this.#tell(store, error, about, 0)) this.#warn(store, error)
  }

  /** Of an emit or fail that was made at that depth. */
  emitFailed(error: ServerEventsError, about: About | undefined, depth: number): void {
    if (depth >= DEEPEST) return
    if (!this.#tell('inputStore', error, about, depth + 1)) this.#warn('inputStore', error)
  }

  /** As `emitFailed`, of a call that is under way. Later, since a listener that emits would be called within itself. */
  emitRefused(error: ServerEventsError, about: About | undefined): void {
    const { depth } = this
    void Promise.resolve().then(() => {
      this.emitFailed(error, about, depth)
    })
  }

  /** A listener given to `listen` threw or rejected: its own error is passed on, for its stack. */
  listenerFailed(about: About, thrown: unknown): void {
    const what = `a listener of event ${quoted(about.name)} failed`
    const error = thrown instanceof Error ? thrown : new Error(`${what} with a ${typeof thrown}`)
    if (this.#tell('outputStore', error, about, 0) || !this.#isNew('listener', about.name)) return
    const more = '(further failures of listeners of this event are not shown; listen with onerror)'
    warn(`outputStore: ${what}: ${describe(thrown)} ${more}`, 'ERR_LISTENER', error.stack)
  }

  /** Tells an error of which there may be thousands a second: the first of each kind. */
  once(kind: string, what: string, store: Side, error: () => ServerEventsError, about?: About): void {
    if (this.#isNew(kind, what)) this.error(store, error(), about)
  }

  /** False when nobody listens. */
  #tell(store: Side, error: ReportedError, about: About | undefined, depth: number): boolean {
    const listeners = [...this.#error]
    for (const { listener } of listeners) {
      call('onerror', () => listener(depth, store, error, about))
    }
    return listeners.length > 0
  }

  #warn(store: Side, { code = 'ERR_LISTENER', message }: ReportedError): void {
    if (!this.#isNew('warning', `${store} ${code}`)) return
    warn(`${store}: ${message} (further ${code} are not shown; listen with onerror)`, code)
  }

  #isNew(kind: string, what: string): boolean {
    const told = this.#once.get(kind) ?? new Set()
    this.#once.set(kind, told)
    if (told.has(what) || told.size >= REMEMBERED_ONCE) return false
    told.add(what)
    return true
  }
}

function tellReady(listener: ReadyListener, store: Side): void {
  call('onready', () => listener(store))
}

function call(kind: 'onready' | 'onerror', callback: () => unknown): void {
  void guard(callback, (error) => {
    warn(`a listener of ${kind} failed: ${describe(error)}`, 'ERR_LISTENER')
  })
}

function describe(error: unknown): string {
  return error instanceof Error ? `${error.name}: ${error.message}` : typeof error
}

function warn(message: string, code: string, detail?: string): void {
  process.emitWarning(message, { type: 'ServerEventsWarning', code, ...(detail === undefined ? {} : { detail }) })
}
