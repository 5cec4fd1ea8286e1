import type { Codec } from './codec'
import type { Args, EventId, Schemas as SchemasOption } from './event-map'
import type { StandardSchemaV1 } from './standard-schema'

/** How the outcome of one name is kept. */
export interface Keep {
  /** For how long, in ms. Positive and finite; rounded up to whole ms. */
  readonly ms: number
  /** Whether the first outcome holds, instead of the last one. Default: the last one. */
  readonly once?: true | undefined
}

/** Options of `new ServerEvents(transport, options)`. Unknown ones are refused. */
export interface ServerEventsOptions<C> {
  /** How long a wait lasts, in ms, unless it says otherwise. Default 10_000. Also settable as `events.timeout`. */
  readonly timeout?: number | undefined
  /**
   * How long the outcome of an event is kept for late waits, in ms: for all names, or by name.
   * Default: not at all. Give it to the process that emits, which stores outcomes for so long, and to the
   * one that waits, which then looks for them: there any number will do. Needs a transport with a keeper,
   * else UnsupportedError at construction.
   *
   * By name also `{ ms, once: true }`: the first outcome holds until its time is over or `forget`.
   * Who comes later with another one rejects with AlreadySettledError, and announces the one that
   * holds; with the same one, the same args or failure, it resolves. All that emit the name have to
   * say it. Needs a transport that can, else UnsupportedError at construction.
   */
  // Without NoInfer, names in `keep` or `listen` would become the only ones that `on` and `emit` take.
  readonly keep?: number | { readonly [K in keyof NoInfer<C>]?: number | Keep | undefined } | undefined
  /**
   * Names whose events are heard from `init` on, so that no wait can come too late. Where the
   * transport has homes (`channels: 'id'` of Redis, NATS) those for ids of this instance, as `createId`
   * makes them: a wait on another id of such a name gives a hint on `onerror`, once. Default none.
   */
  readonly listen?: readonly NoInfer<keyof C & string>[] | undefined
  /**
   * Standard Schemas (zod, valibot, arktype and others) by event name, each of the array of args;
   * synchronous ones. `emit` validates and sends the args as given; who receives validates what
   * arrived and gets what the schema makes of it. What does not validate there is told on `onerror`
   * and dropped. A name without a schema is not validated. Default none.
   */
  readonly schemas?: SchemasOption<C> | undefined
  /** How args travel. Default: JSON. */
  readonly codec?: Codec | undefined
  /** The largest encoded event, in bytes; a larger one is PayloadTooLargeError at emit. Default 1 MiB. */
  readonly maxPayload?: number | undefined
  /** How many waits and streams may be pending; one more rejects with TooManyWaitsError. Default: any number. */
  readonly maxPending?: number | undefined
  /** How long `init` and `listen` may take, in ms. Default 10_000. */
  readonly initTimeout?: number | undefined
  /** How often, in ms, the store is asked for the outcome of a kept wait that is still pending. Default 20_000. */
  readonly backstop?: number | undefined
  /** Called at each emit and fail; what it returns travels with the event (trace context). Default none. */
  readonly headers?: ((name: string, id: string) => Readonly<Record<string, string>>) | undefined
  /**
   * What diagnostics channels call this instance, where a process has several: a string that is not empty. Default: a
   * number of its own in this process.
   */
  readonly name?: string | undefined
}

/** Options of one wait. */
export interface WaitOptions {
  /** In ms; default: the instance's `timeout`. Positive and finite; rounded up to whole ms. */
  readonly timeout?: number | undefined
  /** Rejects the wait with the signal's reason. */
  readonly signal?: AbortSignal | undefined
  /** Whether a kept outcome counts. Default true. */
  readonly recall?: boolean | undefined
}

/** Options of one request. */
export interface RequestOptions extends WaitOptions {
  /** Under which the outcome will come. Default: a new one, as `createId` makes it. */
  readonly id?: EventId | undefined
}

/** Options of one stream. */
export interface StreamOptions<A extends Args = readonly unknown[]> extends Omit<WaitOptions, 'timeout'> {
  /** How long the stream lasts without an event, in ms; default: the instance's `timeout`. */
  readonly timeout?: number | undefined
  /**
   * Called with the args of each event as it arrives; when it returns true, the stream ends after
   * that event. What it throws ends the stream. Default: only its reader, `fail` or an error ends it.
   */
  readonly until?: ((...args: A) => boolean) | undefined
  /** How many events may be unread; one more ends the stream with OverflowError. Default 1,024. */
  readonly buffer?: number | undefined
}

/** Options of `wanted`. */
export interface WantedOptions {
  /** How often it asks, in ms, from one question to the next. Default 10_000. */
  readonly every?: number | undefined
  /** How long an answer may take, in ms. Default 5_000. */
  readonly within?: number | undefined
}

export interface EngineOptions {
  readonly keepFor: (name: string) => number
  readonly isOnce: (name: string) => boolean
  readonly listen: readonly string[]
  readonly schemas: ReadonlyMap<string, StandardSchemaV1>
  readonly codec: Codec
  readonly maxPayload: number
  readonly maxPending: number
  readonly initTimeout: number
  readonly backstop: number
  readonly headers: ((name: string, id: string) => Readonly<Record<string, string>>) | undefined
  readonly name: string | undefined
}

export interface ResolvedWait {
  readonly timeout: number
  readonly signal: AbortSignal | undefined
  readonly recall: boolean
}

export interface ResolvedRequest extends ResolvedWait {
  readonly id: string
}

export interface ResolvedStream extends ResolvedWait {
  readonly until: ((...args: Args) => unknown) | undefined
  readonly buffer: number
}

export interface ResolvedWanted {
  readonly every: number
  readonly within: number
}
