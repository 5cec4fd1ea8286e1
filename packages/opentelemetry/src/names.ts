/*
 * What the semantic conventions for messaging call it. Those are still in development, so the names are copied, as they
 * advise, not imported.
 */

export const attributes = {
  system: 'messaging.system.name',
  destination: 'messaging.destination.name',
  operation: 'messaging.operation.name',
  type: 'messaging.operation.type',
  conversation: 'messaging.message.conversation_id',
  error: 'error.type',
  /** Ours: option `name` of the ServerEvents. */
  instance: 'server_events.instance',
  /** Ours: how a wait ended. */
  way: 'server_events.way',
  /** Ours: `inputStore` publishes, `outputStore` subscribes. */
  side: 'server_events.side',
} as const

export const metrics = {
  operation: 'messaging.client.operation.duration',
  sent: 'messaging.client.sent.messages',
  consumed: 'messaging.client.consumed.messages',
  process: 'messaging.process.duration',
  pending: 'server_events.waits.pending',
  settled: 'server_events.waits.settled',
  interruptions: 'server_events.interruptions',
  refused: 'server_events.topics.refused',
  dropped: 'server_events.messages.dropped',
} as const

/** In seconds, as the conventions advise. */
export const buckets = [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10]
