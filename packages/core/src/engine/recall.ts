import { ForbiddenError } from '../errors'
import type { EventKey, Keeper, Message } from '../transport'
import { unrefTimeout, type Clock } from './clock'
import { isMessage } from './messages'
import type { Name } from './names'
import { ANSWERED, ASKED, RECALLS, SETTLED, type Pending } from './pending'

/** Why the store was asked. */
export type Way = 'recall' | 'restored' | 'backstop'

export interface RecallHost {
  /** `question` numbers the call that brought it: what arrived after that call was sent is newer. */
  hit(key: EventKey, message: Message, way: Way, question: number): void
  forbidden(key: EventKey, error: unknown): void
}

interface Question {
  readonly name: Name
  readonly id: string
  readonly way: Way
  readonly deadline: number
}

const batchSize = 256
const batchesInFlight = 4
const firstRetry = 50
const longestRetry = 2000
const longestSpread = 250

/**
 * Asks the store for kept outcomes. Questions of one tick are one call, one per id, nearest
 * deadlines first. Every wait asks for itself once its subscription stands; so a miss needs no
 * bookkeeping: it answers no wait that came later, because that one asks again.
 */
export class Recall {
  readonly #keeper: Keeper
  readonly #clock: Clock
  readonly #backstop: number
  readonly #host: RecallHost
  readonly #queue = new Map<Name, Map<string, Way>>()
  #ready: Question[] = []
  #inFlight = 0
  #flushing = false
  #failures = 0
  #asked = 0
  #open = true
  readonly #timers = new Set<NodeJS.Timeout>()
  #sweep: NodeJS.Timeout | undefined

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

  ask(item: Pending, way: Way): void {
    let ids = this.#queue.get(item.name)
    if (ids === undefined) this.#queue.set(item.name, (ids = new Map<string, Way>()))
    if (!ids.has(item.id)) ids.set(item.id, way)
    if (this.#flushing) return
    this.#flushing = true
    void Promise.resolve().then(() => {
      this.#flush()
    })
  }

  /** After an interruption: a random moment for each process, so that they do not all ask at once. */
  restored(items: Iterable<Pending>): void {
    const spread = Math.random() * longestSpread
    const soon = this.#clock.now() + spread
    const later: Pending[] = []
    for (const item of items) {
      if (item.due <= soon) this.ask(item, 'restored')
      else later.push(item)
    }
    if (later.length > 0) this.#after(spread, later, 'restored')
  }

  /** Asks for all that `pending` yields, every `backstop` ms, while it yields any. */
  guardBy(pending: () => Iterable<Pending>): void {
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
    this.#ready = []
  }

  #after(delay: number, items: readonly Pending[], way: Way): void {
    const timer = unrefTimeout(() => {
      this.#timers.delete(timer)
      for (const item of items) if (!item.has(SETTLED)) this.ask(item, way)
    }, delay)
    this.#timers.add(timer)
  }

  #flush(): void {
    this.#flushing = false
    if (!this.#open) return
    const before = this.#ready.length
    for (const [name, ids] of this.#queue) {
      for (const [id, way] of ids) {
        const items = asking(name, id)
        const deadline = Math.min(...items.map((item) => item.deadline))
        if (items.length > 0) this.#ready.push({ name, id, way, deadline })
      }
    }
    this.#queue.clear()
    if (before > 0 || this.#ready.length > batchSize) this.#ready.sort((a, b) => a.deadline - b.deadline)
    this.#send()
  }

  #send(): void {
    while (this.#open && this.#inFlight < batchesInFlight && this.#ready.length > 0) {
      const batch = this.#ready.splice(0, batchSize).filter(({ name, id }) => asking(name, id).length > 0)
      if (batch.length > 0) void this.#recall(batch)
    }
  }

  async #recall(batch: readonly Question[]): Promise<void> {
    this.#inFlight++
    const question = ++this.#asked
    // Those of now: the answer is none to a wait that comes while it is under way.
    const items = batch.map(({ name, id }) => asking(name, id))
    mark(items.flat(), ASKED)
    const keys: EventKey[] = batch.map(({ name, id }) => ({ name: name.name, id }))
    let answers: readonly (Message | undefined | Error)[]
    try {
      answers = await this.#keeper.recall(keys)
    } catch {
      answers = []
    }
    this.#inFlight--
    if (!this.#open) return
    const unanswered: Question[] = []
    batch.forEach((asked, index) => {
      const key = keys[index] as EventKey
      const answer = answers[index]
      if (index < answers.length && (answer === undefined || isMessage(answer))) {
        mark(items[index] ?? [], ANSWERED)
        if (answer !== undefined) this.#host.hit(key, answer, asked.way, question)
      } else if ((answer as { code?: unknown } | undefined)?.code === ForbiddenError.code) {
        this.#host.forbidden(key, answer)
      } else unanswered.push(asked)
    })
    if (unanswered.length > 0) this.#again(unanswered)
    else this.#failures = 0
    this.#send()
  }

  #again(questions: readonly Question[]): void {
    const nearest = Math.min(...questions.map(({ deadline }) => deadline))
    const backoff = Math.min(firstRetry * 2 ** this.#failures++, longestRetry)
    // A last look that failed is not put off until after the deadline.
    const delay = Math.max(firstRetry / 2, Math.min(backoff, (nearest - this.#clock.now()) / 2))
    const groups = new Map<Way, Pending[]>()
    for (const { name, id, way } of questions) {
      groups.set(way, [...(groups.get(way) ?? []), ...asking(name, id)])
    }
    for (const [way, group] of groups) this.#after(delay, group, way)
  }
}

/** The waits and streams that a kept outcome is for. Others may be pending on the same id. */
function asking(name: Name, id: string): Pending[] {
  return name.pendingFor(id).filter((item) => item.has(RECALLS))
}

function mark(items: readonly Pending[], bit: number): void {
  for (const item of items) item.bits |= bit
}
