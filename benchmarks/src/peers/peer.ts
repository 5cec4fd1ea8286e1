/** One way to wait on one server for what another one emits. */
export interface Peer {
  /** The side that waits. */
  waiter(): Promise<Waiter>
  /** The side that emits. */
  emitter(): Promise<Emitter>
}

export interface Waiter {
  /** Whether `wait` itself causes the event, as a job queue does. */
  readonly triggers?: boolean
  /** Where every wait subscribes for itself: resolves when the event of this wait, just begun, can be asked for. */
  standing?(id: string): Promise<void>
  /** What its ids end with. */
  readonly suffix?: string
  /** Resolves with the payload. */
  wait(id: string): Promise<unknown>
  close(): Promise<void>
}

export interface Emitter {
  emit(id: string): void
  close(): Promise<void>
}

/** About 80 bytes of JSON, as a result that names where to find the rest. */
export const payload = { url: 'https://files.example/reports/0123456789.pdf', pages: 12 }

export const name = 'report'
export const timeout = 60_000
