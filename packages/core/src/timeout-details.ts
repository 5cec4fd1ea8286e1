import { quoted } from './text'

/** The numbers behind a timeout: the first questions on call. */
export interface TimeoutDetails {
  readonly event: string
  readonly id: string
  /** What the wait was given, in ms. */
  readonly timeout: number
  /** Whether the subscription was confirmed before the deadline. */
  readonly subscribed: boolean
  /** How many ms of the wait there was no subscribing connection. */
  readonly disconnected: number
  /** Whether the store was asked for a kept outcome, and whether it answered. */
  readonly recalled: 'never' | 'unanswered' | 'answered'
}

/** What a TimeoutError says. */
export function timeoutMessage({ event, id, timeout, subscribed, disconnected, recalled }: TimeoutDetails): string {
  const connection = disconnected === 0 ? 'connected throughout' : `no connection for ${disconnected} ms of it`
  const store = {
    never: 'no kept outcome was asked for: if it is kept where it is emitted, set `keep` for it here too',
    unanswered: 'the store did not answer',
    answered: 'the store has no kept outcome',
  }[recalled]
  return (
    `no event ${quoted(event)} with id ${quoted(id)} within ${timeout} ms ` +
    `(${subscribed ? 'subscribed' : 'never subscribed'}, ${connection}, ${store})`
  )
}
