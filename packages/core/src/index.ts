export type { Args, Contract, EventId, Received, Sent } from './contract'
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
export type { ErrorOptions, RemoteFailure, TimeoutDetails } from './errors'
export type { StandardIssue, StandardResult, StandardSchemaV1 } from './standard-schema'
export type { EventKey, Keeper, Message, Receiver, Store, Topic, Transport } from './transport'
