import { inThisContext } from '../base/context'
import type { Args } from '../event-map'
import { InvalidArgumentError } from '../errors'
import type { ResolvedStream } from '../options'
import type { Message } from '../transport'
import { ANSWERED, ASKED, Pending, type Named } from './pending'
import { Reader } from './reader'
import { noop } from '../base/reject-at-caller'
import { isThenable } from '../base/guard'
import type { Outcome, StreamOutcome } from '../observe/stats'

/** One open `stream`: registered as a wait is, but an event starts its time anew instead of settling it. */
export class Stream<E extends Named = Named> extends Pending<E> {
  readonly reader: Reader
  /** By the engine's clock. */
  readonly began: number
  /** How many it got. */
  events = 0
  /** How many events may be unread. */
  readonly buffer: number
  readonly #until: ((...args: Args) => unknown) | undefined
  /** The body of the latest event. */
  #last: Message['body'] | undefined
  /** What the store was asked up to this call is no newer than the latest event. */
  #outdated = 0

  constructor(
    entry: E,
    id: string,
    now: number,
    { timeout, recalls, buffer, until }: Pick<ResolvedStream, 'timeout' | 'buffer' | 'until'> & { recalls: boolean },
    stop: (stream: Stream<E>) => void,
  ) {
    super(entry, id, timeout, now, recalls)
    this.began = now
    this.buffer = buffer
    this.#until = until && inThisContext(until)
    this.reader = new Reader(() => {
      stop(this)
    })
  }

  override subscribed(): void {
    super.subscribed()
    this.reader.stood()
  }

  reject(makeError: () => unknown, outcome: Outcome | StreamOutcome): void {
    this.reader.end(makeError, outcome === 'aborted')
  }

  /** An event came: the timeout is one without any. */
  restart(now: number): void {
    this.events++
    this.bits &= ~(ASKED | ANSWERED)
    this.start(now)
  }

  /** Throws what the user's `until` throws. */
  isLast(args: Args): boolean {
    const last = this.#until?.(...args)
    if (!isThenable(last)) return Boolean(last)
    Promise.resolve(last).catch(noop)
    throw new InvalidArgumentError('until must not be async: it is asked as each event arrives')
  }

  /** `asked` numbers the last call to the store that this event is known to be as new as. */
  saw({ body }: Message, asked: number): void {
    this.#last = body
    this.#outdated = asked
  }

  /** Whether what the call `asked` brought is news: neither the latest event again nor one before it. */
  lacks({ body }: Message, asked: number): boolean {
    return asked > this.#outdated && !sameBody(body, this.#last)
  }
}

function sameBody(one: Message['body'], other: Message['body'] | undefined): boolean {
  if (typeof one === 'string' || typeof other === 'string' || other === undefined) return one === other
  return Buffer.compare(one, other) === 0
}
