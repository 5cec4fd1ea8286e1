/**
 * What a transport owes the engine, and what the engine owes a transport.
 *
 * A transport moves messages addressed by (name, id). It knows nothing of promises that people
 * wait on, of timeouts or of args: those live in the engine. The comments here are the contract.
 *
 * Every duration in this file is an integer number of milliseconds.
 *
 * A transport may reject with any `Error` that carries one of our `code`s; the engine wraps it. The
 * same goes for what it tells the receiver, and for each `cause`. No text of theirs has a secret.
 * New members of `Transport` are optional; new members of `Receiver` come only in a major version.
 */

/** Where an event is addressed: both parts are non-empty, well-formed Unicode of at most 512 bytes of UTF-8. */
export interface EventKey {
  readonly name: string
  readonly id: string
}

/** What one subscription covers: one id of a name, or all ids of one home, or, without either, the whole name. */
export interface Topic {
  readonly name: string
  readonly id?: string
  /** A label, as `homeOf` gives it, or `'*'` for all of them. Only for a transport with `homes`, and never together with `id`. */
  readonly home?: string
}

/** `inputStore` is the publishing side, `outputStore` the subscribing side. */
export type Side = 'inputStore' | 'outputStore'

/** What travels. It arrives as it left: kind, body, headers and `kept` (contract 6). */
export interface Message {
  /**
   * An outcome, `event` or `failure`. Or, where the transport declares `questions`, what `wanted`
   * asks, and what it is answered: only those two, and kinds to come, are never kept.
   */
  readonly kind: 'event' | 'failure' | 'question' | 'answer'
  /**
   * What the codec made of the args, or the JSON of a failure. A string stays a string, bytes stay
   * bytes. Bodies of up to 64 KiB (65,536 bytes, of a string in UTF-8) have to travel, and to be
   * kept; a larger one arrives whole or rejects with PayloadTooLargeError (contract 6). The message
   * is taken as it is when it is given: what the caller does to its bytes later changes nothing.
   */
  readonly body: string | Uint8Array
  /** Trace context and the like; headers that nobody knows travel too. */
  readonly headers?: Readonly<Record<string, string>> | undefined
  /** Whether the producer keeps the outcome; `undefined` where the wire cannot tell. */
  readonly kept?: boolean | undefined
}

/** What carries events between processes. One instance serves one `ServerEvents`, which closes it. */
export interface Transport {
  /**
   * What one subscription covers. With `'name'` the engine subscribes once per name and lets an
   * unused subscription linger; with `'id'` it subscribes per (name, id) and removes it at once.
   */
  readonly routing: 'name' | 'id'

  /**
   * Whether it can subscribe to a home, which is all ids of a name that end with one label
   * (`homeOf`). For a wait on an id with a label the engine then subscribes `{ name, home }`, never
   * the id or the name. Absent: it is not told of homes.
   *
   * With routing 'id' the ids that are made here have the label of this instance, and a subscription
   * of the whole name covers homes too. With routing 'name' they have none, and it covers no ids
   * with a label: for listeners the engine subscribes `{ name, home: '*' }` as well, all homes of the
   * name; if that is refused, they hear the rest.
   */
  readonly homes?: boolean | undefined

  /** How long `publish` may take, in ms: an emit is held for subscriptions of this process no longer. Default 5,000. */
  readonly publishTimeout?: number | undefined

  /**
   * That it carries questions and answers, and kinds that nobody knows yet, as it carries events:
   * what it cannot carry it must not declare. A question is addressed as the event is that it is
   * about, and reaches whoever subscribed to that.
   *
   * The id of an answer has a label (`homeOf`). It reaches who subscribed `{ name, home }` of it, and
   * nobody else: whatever `homes` says, the engine subscribes that for answers. Absent: `wanted` is
   * refused at the call.
   */
  readonly questions?: true | undefined

  /** Stores outcomes for late waits. Absent: option `keep` is refused at construction. */
  readonly keeper?: Keeper | undefined

  /**
   * Whether whoever calls is inside a transaction of their own, which the transport knows by the
   * asynchronous context. Asked with each emit: `publish` and those of the keeper are then called in
   * that context and at once, for what is held may come when the transaction is over. Anything else
   * is called in the root context. Never throws.
   */
  inTransaction?(): boolean

  /**
   * Called once, before anything else; opens nothing. One transport serves one receiver: a second
   * `attach` throws (contract 7).
   */
  attach(receiver: Receiver): void

  /**
   * Opens the publishing side and pends until it stands; the caller bounds it. While it tries,
   * each failure is told by `Receiver.error('inputStore', ConnectionError)` with host and port.
   *
   * Rejects with AuthError when the server refuses the credentials and never accepted them before
   * (that side then goes idle and the next use tries afresh; contract 8), with ClosedError on
   * `close`. Credentials refused after a first success are an interruption: retried and reported.
   */
  connect(): Promise<void>

  /**
   * Settles when the server has accepted the message, in time bounded by the transport; says
   * nothing about receivers. Connects by itself if need be.
   *
   * Rejects with ConnectionError (`sent: false`: nothing was written and nothing will be),
   * UncertainError (written, never acknowledged: it may have been or may yet be delivered),
   * ForbiddenError, AuthError, ClosedError, PayloadTooLargeError.
   *
   * Calls that will settle alike may share one promise: each emit has a promise and an error of its
   * own all the same.
   *
   * Order is kept per publisher and name, with `homes` per publisher, name and home, where ids
   * without a label count as one; nothing else is said about order (contract 5).
   * `Receiver.deliver` is never called inside it (contract 4).
   */
  publish(key: EventKey, message: Message): Promise<void>

  /**
   * Resolves only when the broker has confirmed the subscription: from then on no message
   * published by anyone, this transport included, can be missed (contract 1 and 4).
   *
   * A refusal rejects with ForbiddenError (contract 8: AuthError, ClosedError). Being down is not a
   * refusal: a subscribe pending across an interruption settles in the new connection, before
   * `state('outputStore', true)` if it was pending when the server answered. While the connection
   * is up it settles in bounded time.
   *
   * The engine serialises calls per topic (idle, subscribing, standing, unsubscribing, idle) and
   * never subscribes twice. The transport remembers the desired topics and restores them after an
   * interruption; it never counts waits (contract 2).
   */
  subscribe(topic: Topic): Promise<void>

  /**
   * Removes the topic from the desired ones synchronously; never rejects; settles at once while
   * the connection is down (contract 2).
   */
  unsubscribe(topic: Topic): Promise<void>

  /**
   * Idempotent and bounded, also while connecting. Rejects what was not written with ClosedError
   * and what was written but never acknowledged with UncertainError. Closes only what it opened;
   * afterwards the receiver hears nothing and no timer or socket of it keeps the process alive
   * (contract 4 and 7).
   */
  close(): Promise<void>
}

/**
 * What a message that is kept is to the one that is to be kept once: the same outcome, another one,
 * or none, which does not hold. Never throws.
 */
export type Once = (held: Message) => 'same' | 'other' | 'none'

/** Keeps outcomes for a while, so that a late wait still gets them. */
export interface Keeper {
  /** Whether `publish` obeys `once`. Absent: `keep` with `once` is refused at construction. */
  readonly once?: true | undefined

  /**
   * Stores the message for `keepMs`, then publishes it: whoever hears it could already have
   * recalled it. Rejects as `Transport.publish` does, and with NotKeptError when the message was
   * published but could not be stored.
   *
   * With `once` the store decides, atomically, and nothing is published before it has: where nothing
   * is kept, or only what `once` calls none, this message is stored and published. Else what is kept
   * stays, with the time that it has left, and is published; it resolves if `once` calls that the
   * same, and rejects with AlreadySettledError if another. What could not be stored is not published:
   * it rejects as `Transport.publish` does, with ForbiddenError if it may not be read either.
   */
  publish(key: EventKey, message: Message, keepMs: number, once?: Once): Promise<void>

  /**
   * Reads kept messages from the master, one answer per key in the order of the keys, in bounded
   * time. `undefined` means that the store answered and has nothing; an `Error` means that it is
   * not known (ForbiddenError is final, anything else is tried again). While down it answers
   * Errors at once. It never rejects.
   */
  recall(keys: readonly EventKey[]): Promise<(Message | undefined | Error)[]>

  /** Removes the kept message; settles in bounded time and rejects as `Transport.publish` does. */
  forget(key: EventKey): Promise<void>
}

/** The engine, as a transport sees it. None of its methods throws. After `close` it is not called. */
export interface Receiver {
  /** A hint: false lets a transport drop a message unparsed. Cheap enough to ask for each message. */
  wants(key: EventKey): boolean

  /**
   * A message arrived. Called once per copy that the broker sends, never twice through overlapping
   * subscriptions, and never inside `publish` or `subscribe`.
   */
  deliver(key: EventKey, message: Message): void

  /**
   * A side went up or down. Strictly alternating per store, beginning with the first up.
   * `state('outputStore', true)` means that every topic that was desired when the server answered is
   * confirmed, or was reported by `lost`, on this connection (contract 3); what came to be desired
   * since is confirmed by its `subscribe`. `cause` says why it went down.
   */
  state(store: Side, up: boolean, cause?: Error): void

  /** The topic stood, or was to stand again, and the broker refuses it. It is desired no more. */
  lost(topic: Topic, error: Error): void

  /**
   * Anything else worth telling: a failed attempt to connect, a message that cannot be read. What
   * is told of a message has code ERR_SERIALIZATION, ERR_PAYLOAD_TOO_LARGE, ERR_SEAL or ERR_UNSUPPORTED and
   * names the event but nothing of the payload; the engine tells the user of the same code and
   * text only once, so a transport may report each.
   */
  error(store: Side, error: Error): void
}
