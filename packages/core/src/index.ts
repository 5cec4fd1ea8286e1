/**
 * `ServerEvents`, its errors and options, and the interface of a transport.
 *
 * @module server-events
 */

export type { Codec } from './codec'
export type { Args, EventMap, EventId, Received, Schemas, Sent } from './event-map'
export {
  AlreadySettledError,
  AuthError,
  ClosedError,
  ConnectionError,
  ForbiddenError,
  InvalidArgumentError,
  NotKeptError,
  OverflowError,
  PayloadTooLargeError,
  RemoteError,
  SealError,
  SerializationError,
  ServerEventsError,
  TimeoutError,
  TooManyWaitsError,
  UncertainError,
  UnsupportedError,
  UnwantedError,
  ValidationError,
} from './errors'
export { homeOf } from './home'
export type { EventStream } from './pending/event-stream'
export type { ErrorOptions, RemoteFailure, TimeoutDetails, ValidationIssue } from './errors'
export type { Diagnostics } from './observe/diagnostics'
export type { Outcome, Stats, StreamOutcome } from './observe/stats'
export type { About, ErrorListener, ReadyListener, ReportedError, Unsubscribe } from './observe/reports'
export type { SideStats } from './observe/connection-health'
export type { Keep, RequestOptions, ServerEventsOptions, StreamOptions, WaitOptions, WantedOptions } from './options'
export { ServerEvents } from './server-events'
export type { Listening } from './engine/listen'
export type { StandardIssue, StandardResult, StandardSchemaV1 } from './standard-schema'
export type { EventKey, Keeper, Message, Once, Receiver, Side, Topic, Transport } from './transport'
export type { Wanted } from './wanted/wanted'
