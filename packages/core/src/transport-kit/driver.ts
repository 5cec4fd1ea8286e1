import type { EventKey, Message, Once, Side, Topic } from '../transport'
import type { Life } from './heartbeat'

/**
 * What an author of a transport writes: how ONE connection to the broker is made. It is never
 * repaired: at the first sign of its end the kit throws it away and dials again.
 */
export interface Driver {
  /** What one subscription covers: all ids of a name, or a single id. A topic without `id` is the whole name either way. */
  readonly routing: 'name' | 'id'
  /** With routing 'id': whether its links subscribe to homes, topics with `home`, too: see `Transport.homes`. False by default. */
  readonly homes?: boolean | undefined
  /**
   * Whether its links carry messages of any kind, as they are, and subscribe to `{ name, home }` also with routing
   * 'name': an answer has to reach that home, and nobody else. See `Transport.questions`. Absent: no `wanted`.
   */
  readonly questions?: true | undefined
  /** What the broker is called in messages, such as `mqtt`. */
  readonly broker: string
  /** Host and port, for messages; never credentials. Asked anew for each message. */
  readonly place: string
  /**
   * Whether publishing and subscribing have a connection each, opened when it is first needed; for
   * brokers whose connections cannot do both. False by default.
   */
  readonly separate?: boolean | undefined
  /** Whether its links have a `store`, so that outcomes can be kept. False by default. */
  readonly keeps?: boolean | undefined
  /** Whether their stores have `setOnce`. Absent: an instance that is to keep anything once is refused. */
  readonly once?: true | undefined
  /**
   * Resolves when commands may be written. Rejects with AuthError if the credentials are refused,
   * and with anything else for trouble with the connection: of an error that is none of ours only a
   * code such as ECONNREFUSED, or its class, is told to anybody. `signal` says that nobody waits any
   * more: what was opened has to be closed. `side` is what the
   * connection is for, if there is one for each.
   */
  dial(events: LinkEvents, signal: AbortSignal, side?: Side): Promise<Link>
}

/** What a connection tells the kit: at any time, also inside a call and after `close`. */
export interface LinkEvents {
  /**
   * An event has come. `read` makes the message, and is called only if somebody wants it; it may throw
   * SerializationError or UnsupportedError, or give `undefined` for what the driver tells by `unreadable`: once, say, for
   * much that came together.
   */
  message(key: EventKey, read: () => Message | undefined): void
  /** Something has come that cannot even be told the event of. */
  unreadable(error: Error): void
  /** The broker takes away a subscription that stood. */
  refused(topic: Topic, error: Error): void
  /** The connection is over. The cause is told to the user as far as it is ours, or a code. */
  ended(cause?: unknown): void
}

/**
 * One connection. A rejection with AuthError, ForbiddenError, PayloadTooLargeError,
 * UnsupportedError, InvalidArgumentError or SerializationError is the broker's answer, and one with
 * TransientRefusal its answer for now; any other is trouble with the connection, which is then
 * replaced. None of the calls needs a bound of its own.
 */
export interface Link {
  /** Resolves when the broker has accepted it. All of one tick is asked for in one tick, in the order that has to be kept. */
  publish(key: EventKey, message: Message): Promise<unknown>
  /** Resolves when the broker has confirmed it: no message published later is missed. */
  subscribe(topic: Topic): Promise<unknown>
  /** Resolves when nothing comes for it any more. */
  unsubscribe(topic: Topic): Promise<unknown>
  /** Resolves with any answer. Absent: the client finds out by itself when the other end is gone. */
  ping?(): Promise<unknown>
  /** How many bytes were read so far (`socket.bytesRead`): then also a message that takes long to arrive is a sign of life. */
  bytesRead?(): number
  /** Keeps outcomes. There if the driver's `keeps` is true. */
  readonly store?: LinkStore | undefined
  /** Resolves when its sockets have gone. Called once, whatever its state. */
  close(): Promise<unknown>
}

/**
 * Where outcomes are kept, over the same connection. What is asked has to take effect in the order of
 * asking. Rejections mean what they mean in `Link`; and NotKeptError that the store has refused to keep
 * this, being full or because it is too large.
 */
export interface LinkStore {
  /**
   * Stores the message for so many ms, instead of what was stored under this key before. An answer
   * of InvalidArgumentError or UnsupportedError means that it never will: then it is not published
   * either. After any other it is published, and the emit rejects with NotKeptError.
   */
  set(key: EventKey, message: Message, keepMs: number): Promise<unknown>
  /**
   * The same, atomically, unless a message is stored that is not expired and that `once` does not call
   * none: then that one stays as it is, and this resolves with it. `undefined` means that its own is
   * stored. After any rejection nothing is published. There if the driver's `once` is true.
   */
  setOnce?(key: EventKey, message: Message, keepMs: number, once: Once): Promise<Message | undefined>
  /** From the master: what is stored and not expired, else `undefined`. */
  get(key: EventKey): Promise<Message | undefined>
  /** Removes what is stored; fine if nothing is. */
  delete(key: EventKey): Promise<unknown>
  /** Asked when an instance starts. Rejects with UnsupportedError if nothing can be kept here; any other answer passes. */
  probe?(): Promise<unknown>
}

/** A link as the sides of the kit see it. */
export interface Connection {
  readonly link: Link
  readonly life: Life
  /** Broker, host and port. */
  readonly at: string
  /** Called at its end. A set and no promise, which would gather the reactions of all that ever raced it. */
  readonly onEnd: Set<() => void>
}
