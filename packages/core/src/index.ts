/**
 * `ServerEvents`, its errors and options, and the interface of a transport.
 *
 * @module server-events
 */

export type { Codec } from './codec'
export type { Args, Contract, EventId, Received, Schemas, Sent } from './contract'
export {
  AuthError,
  ClosedError,
  ConnectionError,
  ForbiddenError,
  InvalidArgumentError,
  NotKeptError,
  OverflowError,
  PayloadTooLargeError,
  RemoteError,
  SerializationError,
  ServerEventsError,
  TimeoutError,
  TooManyWaitsError,
  UncertainError,
  UnsupportedError,
  ValidationError,
} from './errors'
export type { EventStream } from './event-stream'
export type { ErrorOptions, RemoteFailure, TimeoutDetails, ValidationIssue } from './errors'
export type { Diagnostics } from './engine/diagnostics'
export type { Outcome, Stats, StreamOutcome } from './engine/stats'
export type { ErrorListener, ReadyListener, Unsubscribe } from './engine/reports'
export type { StoreStats } from './engine/stores'
export type { ServerEventsOptions, StreamOptions, WaitOptions } from './options'
export { ServerEvents } from './server-events'
export type { Listening } from './server-events'
export type { StandardIssue, StandardResult, StandardSchemaV1 } from './standard-schema'
export type { EventKey, Keeper, Message, Receiver, Store, Topic, Transport } from './transport'
