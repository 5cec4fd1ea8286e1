/**
 * For authors of transports: a driver that makes connections in, a transport that keeps every
 * promise of the contract out. The parts it is made of are there for those who need only some.
 *
 * @module server-events/transport-kit
 */

export { atEndOfTick } from '../base/end-of-tick'
export { DesiredTopic, DesiredTopics } from './desired'
export type { Driver, Link, LinkEvents, LinkStore } from './driver'
export {
  alreadySettled,
  answerOf,
  closedError,
  eventOf,
  failedAt,
  ours,
  overfullError,
  reasonOf,
  TransientRefusal,
  troubleOf,
  uncertain,
} from './errors'
export { Heartbeat, Life } from './heartbeat'
export type { HeartbeatHost } from './heartbeat'
export { Availability } from './publishing'
export { Reconnector } from './reconnector'
export type { Dialer, Side } from './reconnector'
export { boundsChecks, boundsDefaults, integer, oneOf, refuseUnknown, separate } from './settings'
export type { Bounds, Check, Filled } from './settings'
export { channelName, decodeEvent, encodeEvent } from './text-message'
export { Timer, withTimeout } from './timing'
export { transportOf } from './transport-of'
export { Unanswered } from './unanswered'
export { Unsettled } from './unsettled'
export type { Overfull, UnansweredHost, UnansweredLimits } from './unsettled'
