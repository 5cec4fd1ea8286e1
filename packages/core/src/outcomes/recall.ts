import { ForbiddenError, SealError } from '../errors'
import type { EventKey, Keeper, Message } from '../transport'
import { unrefTimeout, type Clock } from '../base/clock'
import { inRootContext } from '../base/context'
import { DueQueue } from '../base/due-queue'
import { atEndOfTick } from '../base/end-of-tick'
import type { HeapItem } from '../base/heap'
import { isMessage } from '../messages/messages'
import type { Way } from '../observe/stats'
import { ById } from '../registry/by-id'
import type { NameEntry, NamePending } from '../registry/name'
import { QUEUED, SETTLED } from '../pending/pending'

export interface RecallHost {
  /** `question` numbers the call that brought it: what arrived after that call was sent is newer. */
  hit(key: EventKey, message: Message, way: Way, question: number): void
  forbidden(key: EventKey, error: unknown): void
}

/** One id that the store is to be asked for, and the waits and streams that ask. */
class Question implements HeapItem {
  readonly entry: NameEntry
  readonly id: string
  readonly way: Way
  /** Those of one deadline are asked in their order. */
  readonly number: number
  readonly items: NamePending[] = []
  /** The nearest deadline of those that ask. */
  due = Infinity
  slot = -1

  constructor({ entry, id }: NamePending, way: Way, number: number) {
    this.number = number
    this.entry = entry
    this.id = id
    this.way = way
  }

  get key(): EventKey {
    return { name: this.entry.name, id: this.id }
  }
}

const BATCH_SIZE = 256
const BATCHES_IN_FLIGHT = 4
const FIRST_RETRY = 50
const LONGEST_RETRY = 2000
const LONGEST_SPREAD = 250

/**
 * Asks the store for kept outcomes. Questions of one tick are one call, one per id, nearest
 * deadlines first. Every wait asks for itself once its subscription stands; so a miss answers those
 * that asked and nobody else, and what a wait costs does not depend on how many others are pending.
 */
export class Recall {
  readonly #keeper: Keeper
  readonly #clock: Clock
  readonly #backstop: number
  readonly #host: RecallHost
  /** What has not been sent: a wait that asks meanwhile joins in. */
  readonly #queue = new Map<NameEntry, ById<Question>>()
  #ready = new DueQueue<Question>()
  #inFlight = 0
  #flushing = false
  #failures = 0
  #asked = 0
  #questions = 0
  #open = true
  readonly #timers = new Set<NodeJS.Timeout>()
  #sweep: NodeJS.Timeout | undefined
  readonly #flush = (): void => {
    this.#flushing = false
    this.#send()
  }

  constructor(keeper: Keeper, clock: Clock, backstop: number, host: RecallHost) {
    this.#keeper = keeper
    this.#clock = clock
    this.#backstop = backstop
    this.#host = host
  }

  /** The number of the last call. */
  get asked(): number {
    return this.#asked
  }

  ask(item: NamePending, way: Way): void {
    item.asked()
    if (item.has(QUEUED)) return
    item.bits |= QUEUED
    this.#enqueue(item, way)
    if (this.#flushing) return
    this.#flushing = true
    // It asks for all that come meanwhile, of whichever requests they are; and behind what the caller does in this
    // tick: what it begins there is to begin first.
    inRootContext(() => atEndOfTick(this.#flush))
  }

  /** After an interruption: a random moment for each process, so that they do not all ask at once. */
  restored(items: Iterable<NamePending>): void {
    const spread = Math.random() * LONGEST_SPREAD
    const soon = this.#clock.now() + spread
    const later: NamePending[] = []
    for (const item of items) {
      if (item.due <= soon) this.ask(item, 'restored')
      else later.push(item)
    }
    if (later.length > 0) this.#after(spread, later, 'restored')
  }

  /** Asks for all that `pending` yields, every `backstop` ms, while it yields any. */
  guardBy(pending: () => Iterable<NamePending>): void {
    if (this.#sweep !== undefined || !this.#open) return
    this.#sweep = unrefTimeout(
      () => {
        this.#sweep = undefined
        let any = false
        for (const item of pending()) {
          any = true
          this.ask(item, 'backstop')
        }
        if (any) this.guardBy(pending)
      },
      this.#backstop * (0.85 + Math.random() * 0.3),
    )
  }

  close(): void {
    this.#open = false
    clearTimeout(this.#sweep)
    for (const timer of this.#timers) clearTimeout(timer)
    this.#timers.clear()
    this.#queue.clear()
    this.#ready = new DueQueue()
  }

  #after(delay: number, items: readonly NamePending[], way: Way): void {
    const timer = unrefTimeout(() => {
      this.#timers.delete(timer)
      for (const item of items) if (!item.has(SETTLED)) this.ask(item, way)
    }, delay)
    this.#timers.add(timer)
  }

  #enqueue(item: NamePending, way: Way): void {
    let ids = this.#queue.get(item.entry)
    if (ids === undefined) this.#queue.set(item.entry, (ids = new ById()))
    let [question] = ids.of(item.id)
    if (question === undefined) ids.add((question = new Question(item, way, ++this.#questions)))
    question.items.push(item)
    if (item.deadline >= question.due) return
    if (question.slot !== -1) this.#ready.remove(question)
    question.due = item.deadline
    this.#ready.add(question)
  }

  #send(): void {
    while (this.#open && this.#inFlight < BATCHES_IN_FLIGHT) {
      const batch: Question[] = []
      for (let question; batch.length < BATCH_SIZE && (question = this.#ready.first) !== undefined;) {
        this.#dequeue(question)
        if (question.items.some(isPending)) batch.push(question)
      }
      if (batch.length === 0) return
      batch.sort((a, b) => a.due - b.due || a.number - b.number)
      void this.#recall(batch)
    }
  }

  #dequeue(question: Question): void {
    this.#ready.remove(question)
    const ids = this.#queue.get(question.entry)
    ids?.remove(question)
    if (ids?.size === 0) this.#queue.delete(question.entry)
    for (const item of question.items) item.bits &= ~QUEUED
  }

  async #recall(batch: readonly Question[]): Promise<void> {
    this.#inFlight++
    const call = ++this.#asked
    for (const { items } of batch) for (const item of items) item.sent(call)
    let answers: readonly (Message | undefined | Error)[]
    try {
      answers = await this.#keeper.recall(batch.map(({ key }) => key))
    } catch {
      answers = []
    }
    this.#inFlight--
    if (!this.#open) return
    const unanswered: Question[] = []
    batch.forEach((question, index) => {
      const answer = answers[index]
      const code = (answer as { code?: unknown } | undefined)?.code
      if (index < answers.length && (answer === undefined || isMessage(answer))) {
        for (const item of question.items) item.answered(call)
        if (answer !== undefined) this.#host.hit(question.key, answer, question.way, call)
      } else if (code === ForbiddenError.code) {
        this.#host.forbidden(question.key, answer)
      } else if (code === SealError.code) {
        // Asked again it would not open either: for a wait it is not there.
        for (const item of question.items) item.answered(call)
      } else unanswered.push(question)
    })
    if (unanswered.length > 0) this.#again(unanswered)
    else this.#failures = 0
    this.#send()
  }

  #again(questions: readonly Question[]): void {
    let nearest = Infinity
    const groups = new Map<Way, NamePending[]>()
    for (const { way, items } of questions) {
      const group = groups.get(way) ?? []
      groups.set(way, group)
      for (const item of items) {
        if (item.has(SETTLED)) continue
        group.push(item)
        nearest = Math.min(nearest, item.deadline)
      }
    }
    const backoff = Math.min(FIRST_RETRY * 2 ** this.#failures++, LONGEST_RETRY)
    // A last look that failed is not put off until after the deadline.
    const delay = Math.max(FIRST_RETRY / 2, Math.min(backoff, (nearest - this.#clock.now()) / 2))
    for (const [way, group] of groups) if (group.length > 0) this.#after(delay, group, way)
  }
}

function isPending(item: NamePending): boolean {
  return !item.has(SETTLED)
}
