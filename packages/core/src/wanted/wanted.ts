/** Whether somebody waits for what is being worked on, as a worker sees it. */
export interface Wanted {
  /** Aborts with UnwantedError when nobody waits any more. Never because of trouble with a connection, or of `close`. */
  readonly signal: AbortSignal
  /** What the last question has told: whether somebody waits. `undefined` while that is not known. */
  readonly now: boolean | undefined
  /** Asks no more; the signal stays as it is. A second call does nothing. */
  close(): void
  /** As `close`, at the end of a `using` block. */
  [Symbol.dispose](): void
}
