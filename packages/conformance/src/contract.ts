/** The contract of a transport, as in the comments of `Transport` (server-events): numbered lines, and what one method says. */
const contract = {
  1: 'subscribe resolves only when the broker has confirmed it, for every caller; a refusal rejects with ForbiddenError, being down is no refusal',
  2: 'calls are serialised per topic; the transport remembers the desired topics, and unsubscribe takes one out at once',
  3: "state('outputStore', true) means that every desired topic is confirmed, or was reported by lost",
  4: 'a transport hears its own messages; deliver is never called inside publish or subscribe; after close the receiver hears nothing',
  5: 'order is kept per publisher and name, where there are homes per publisher, name and home',
  6: 'a message arrives intact: kind, body, headers, kept; addressed as it was',
  7: 'a transport closes only what it opened, holds no process after close, and serves one receiver',
  8: 'credentials that were never accepted: connect, publish and subscribe reject with AuthError, and the next use tries afresh',
  'Message.body':
    'bodies of up to 64 KiB (65,536 bytes of UTF-8) travel, whatever the broker thinks of sizes; a larger one arrives whole, or its publish rejects with PayloadTooLargeError',
  'Transport.routing': 'what is declared is what is there',
  'Transport.homes': 'a subscription of a home covers all ids of its name with its label, and nothing else',
  'Transport.questions':
    'questions, and kinds that nobody knows yet, travel as events do; an answer reaches who subscribed its home, and nobody else',
  'Transport.attach': 'attach opens nothing',
  'Transport.connect': 'connect opens the publishing side, and pends until it stands',
  'Transport.publish':
    'publish connects by itself, settles in bounded time and resolves only if the server has accepted the message',
  'Transport.subscribe': 'a subscription covers its topic and nothing else',
  'Transport.close':
    'close is idempotent and bounded, also while connecting, and what is pending rejects with ClosedError or UncertainError',
  'Receiver.deliver':
    'deliver is called once per copy that the broker sends, never twice through overlapping subscriptions',
  'Receiver.wants': 'a hint, asked with the key of the message: what is wanted when it arrives is delivered',
  'Receiver.state': 'states alternate strictly per store, beginning with up',
  'Receiver.lost': 'a topic that stood and is refused is lost, told once, and desired no more',
  errors:
    'whatever rejects, is told, or is the cause of another one has one of our codes; none of their texts has a secret',
  'Keeper.publish': 'stores the message for keepMs, then publishes it; the last one wins',
  'Keeper.once':
    'with once the store decides before anything is published: the first one holds, until its time is over or it is forgotten; another one rejects, and the one that holds is published again',
  'Keeper.recall':
    'one answer per key, in order; undefined means that nothing is kept, an Error that it is not known; never rejects',
  'Keeper.forget': 'removes the kept message, and nothing else',
} as const

export type Line = keyof typeof contract

/** Says which line was broken, and what the transport did instead. */
export class BrokenContract extends Error {
  override readonly name = 'BrokenContract'

  constructor(line: Line, did: string, options?: ErrorOptions) {
    const place = typeof line === 'number' ? `contract ${line}` : line
    super(`${place} (${contract[line]}). The transport: ${did}`, options)
  }
}
