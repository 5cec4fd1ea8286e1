/**
 * The events of one (name, id) as they come. For one `for await`, or for several `next()` calls,
 * which are served in order. Nothing of it takes the process down when nobody reads.
 */
export interface EventStream<T> extends AsyncIterableIterator<T> {
  /**
   * Resolves when the subscription stands: from then on no event is missed while the connection
   * holds. Rejects with what ended the stream before that. Counts as handled.
   */
  readonly ready: Promise<void>
  /**
   * The args of the next event. What arrived before the stream's end is read first; then the call
   * rejects once with what ended it, and every further one says `done`.
   */
  next(): Promise<IteratorResult<T, undefined>>
  /** Ends the stream, drops what is unread and unsubscribes; `break` in `for await` calls it. Never rejects. */
  return(): Promise<IteratorResult<T, undefined>>
  /** The stream itself: it can be read once. */
  [Symbol.asyncIterator](): EventStream<T>
  /** As `return`. */
  [Symbol.asyncDispose](): Promise<void>
}
