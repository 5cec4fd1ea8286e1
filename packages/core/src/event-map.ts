import type { StandardSchemaV1 } from './standard-schema'

/** The args of an event. */
export type Args = readonly unknown[]

/**
 * Event name -> the tuple of its args, or a Standard Schema of that tuple.
 *
 * Used as `C extends Contract<C>`, not as an index signature, so that an `interface` works as the
 * type argument.
 */
// eslint-disable-next-line @typescript-eslint/no-explicit-any -- a schema's input and output may be anything
export type EventMap<C> = { [K in keyof C]: Args | StandardSchemaV1<any, any> }

/** What `emit` takes for an event: the schema's input, or the tuple. */
export type Sent<T> =
  // eslint-disable-next-line @typescript-eslint/no-explicit-any -- left out, the output would be inferred as input too
  T extends StandardSchemaV1<infer Input, any> ? (Input extends Args ? Input : never) : T extends Args ? T : never

/** What a wait or listener gets for an event: the schema's output, or the tuple. */
export type Received<T> =
  // eslint-disable-next-line @typescript-eslint/no-explicit-any -- only the output is asked for
  T extends StandardSchemaV1<any, infer Output> ? (Output extends Args ? Output : never) : T extends Args ? T : never

/**
 * What option `schemas` takes: for an event whose args are a schema that schema, for one whose args
 * are a tuple a schema of it. Without a type argument the contract is inferred from here.
 */
// The second half of the intersection is evaluated once C is known: inference sees the naked C[K] only.
export type Schemas<C> = {
  readonly [K in keyof C]?: ((C[K] | SchemaOf<NoInfer<C[K]>>) & SchemaOf<NoInfer<C[K]>>) | undefined
}

type SchemaOf<T> =
  // eslint-disable-next-line @typescript-eslint/no-explicit-any -- the input may be anything
  T extends StandardSchemaV1<any, infer Output>
    ? Output extends Args
      ? T
      : // eslint-disable-next-line @typescript-eslint/no-explicit-any -- named in the message of the refusal
        StandardSchemaV1<any, Args>
    : T extends Args
      ? StandardSchemaV1<T, T>
      : never

/** 12, 12n and '12' are the same id. */
export type EventId = string | number | bigint
