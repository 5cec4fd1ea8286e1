import type { EventKey, Message, Topic } from 'server-events'
import type { Key } from '../scenario'
import { codeOf, keyText, messageText, topicText } from '../texts'
import { rounding, type Facts } from './facts'

interface Owed {
  readonly why: 'subscribed' | 'restored' | 'unanswered'
  /** In ms, from when promise jobs have told the engine: the loop may be blocked before they run. */
  readonly within: number
  by: number | undefined
}

/** One `on`, as the user and the world see it. */
export interface WaitRecord {
  readonly number: number
  readonly key: Key
  readonly called: number
  readonly timeout: number
  /** Whether kept outcomes count. */
  readonly recalls: boolean
  readonly signal: number | undefined
  readonly topic: Topic
  /** Set if it must reject at the call. */
  readonly refused: string | undefined
  settled: boolean
  /** In which turn its subscription was first known to stand, a recall of its key was sent, and answered. */
  stood: number | undefined
  asked: number | undefined
  /** Of the last recall. */
  answered: number | undefined
  lastAsked: number
  /** The last recall of its key. */
  recall: number
  /** Whether each recall of its key was for it: of several waits, those that ask cannot be told from the others. */
  alone: boolean
  /** Recalls that the engine must send. */
  owed: Owed[]
}

/** What may settle waits in this turn, and which waits it must settle. */
interface Cause {
  readonly outcome: string
  readonly why: string
  concerns(wait: WaitRecord): boolean
  readonly must: readonly WaitRecord[]
}

export interface TimeoutReport {
  readonly subscribed: boolean
  readonly disconnected: number
  readonly recalled: 'never' | 'unanswered' | 'answered'
}

/** The engine sends so many recalls at a time; what more there is to ask has to queue. */
const recallsAtATime = 4
const longestSpread = 250
const longestBackoff = 2000

/** Rules 2 to 4 of the engine, and what every wait is promised. */
export class WaitRules {
  readonly counts = { resolved: 0, failure: 0, timeout: 0, aborted: 0, refused: 0, closed: 0 }
  /** When a subscription was last needed, by its text. */
  readonly lastNeeded = new Map<string, number>()
  readonly #facts: Facts
  readonly #pending = new Set<WaitRecord>()
  #causes: Cause[] = []
  #recallsUnderWay = 0
  #recalls = 0

  constructor(facts: Facts) {
    this.#facts = facts
  }

  get pending(): number {
    return this.#pending.size
  }

  /** Pending ones but for those that something in this turn settles: their promises show it a few jobs later. */
  get undecided(): number {
    return [...this.#pending].filter((wait) => !this.#isDecided(wait)).length
  }

  /** Whether a wait hangs on a subscription. */
  need(topic: Topic): boolean {
    return [...this.#pending].some((wait) => topicText(wait.topic) === topicText(topic) && !this.#isDecided(wait))
  }

  /** How many hang on a signal. */
  with(signal: number): number {
    return [...this.#pending].filter((wait) => wait.signal === signal).length
  }

  /** At the call of `on`, before the engine sees it. */
  called(wait: WaitRecord): void {
    if (wait.refused !== undefined) return
    this.#pending.add(wait)
    const stands = this.#facts.call(wait.topic)?.state === 'standing'
    if (stands && this.#facts.output !== 'down') this.#subscriptionStands(wait)
  }

  settled(wait: WaitRecord, outcome: string, timeout?: TimeoutReport): void {
    if (wait.settled) this.#facts.violated(`wait ${wait.number} settled twice`)
    wait.settled = true
    if (wait.refused !== undefined) {
      if (outcome !== wait.refused) this.#facts.violated(`wait ${wait.number} should be ${wait.refused} at the call`)
      return
    }
    this.#pending.delete(wait)
    this.lastNeeded.set(topicText(wait.topic), this.#facts.now)
    this.#count(outcome)
    if (outcome === 'timeout') this.#timedOut(wait, timeout)
    else if (outcome === 'closed') this.#closed(wait)
    else if (!this.#causes.some((cause) => cause.outcome === outcome && cause.concerns(wait))) {
      this.#facts.violated(`wait ${wait.number} settled with "${outcome}", which nothing gave it just now`)
    }
  }

  delivered(key: EventKey, message: Message): void {
    const outcome = messageText(message)
    this.#happens(outcome, `${outcome} was delivered`, (wait) => keyText(wait.key) === keyText(key))
  }

  aborted(signal: number): void {
    this.#happens(`aborted by signal ${signal}`, `signal ${signal} aborted`, (wait) => wait.signal === signal)
  }

  refused(topic: Topic): void {
    const why = `the subscription of (${topicText(topic)}) is refused`
    this.#happens('forbidden', why, (wait) => topicText(wait.topic) === topicText(topic))
  }

  stood(topic: Topic): void {
    for (const wait of this.#pending) {
      if (topicText(wait.topic) === topicText(topic)) this.#subscriptionStands(wait)
    }
  }

  /** What was standing stands again. */
  restored(): void {
    for (const wait of this.#pending) {
      if (this.#facts.call(wait.topic)?.state !== 'standing') continue
      wait.stood ??= this.#facts.turn
      if (wait.recalls) owe(wait, 'restored', longestSpread + rounding)
    }
  }

  /** What is owed because of a subscription ends with its connection: the next one owes it anew. */
  interrupted(): void {
    for (const wait of this.#pending) wait.owed = wait.owed.filter(({ why }) => why === 'unanswered')
  }

  unsubscribing(topic: Topic): void {
    for (const wait of this.#pending) {
      if (topicText(wait.topic) !== topicText(topic) || this.#isDecided(wait)) continue
      this.#facts.violated(`unsubscribe(${topicText(topic)}) although wait ${wait.number} needs it`)
    }
  }

  /** The engine asks the store; returns what is to be called with the answers. */
  asking(keys: readonly EventKey[]): (answers: readonly (Message | undefined | Error)[]) => void {
    const asked = keys.map((key) => this.#recallersOf(key))
    keys.forEach((key, index) => {
      if (asked[index]?.length === 0) this.#facts.violated(`recall of (${keyText(key)}), which no wait wants`)
    })
    const recall = ++this.#recalls
    for (const waits of asked) if (waits.length > 1) for (const wait of waits) wait.alone = false
    for (const wait of asked.flat()) {
      wait.recall = recall
      wait.answered = undefined
      wait.lastAsked = this.#facts.now
      wait.owed = []
      wait.asked ??= this.#facts.turn
    }
    this.#recallsUnderWay++
    return (answers) => {
      this.#recallsUnderWay--
      if (this.#facts.transportClosed) return
      keys.forEach((key, index) => this.#answered(key, answers[index], asked[index] ?? [], recall))
    }
  }

  /** After the promise jobs of a turn. */
  endTurn(): void {
    for (const { must, why } of this.#causes) {
      for (const wait of must) if (!wait.settled) this.#facts.violated(`wait ${wait.number} is pending although ${why}`)
    }
    this.#causes = []
    for (const wait of this.#pending) for (const owed of wait.owed) owed.by ??= this.#facts.now + owed.within
  }

  /** When nothing more is due. */
  idle(): void {
    const { now, setup } = this.#facts
    for (const wait of this.#pending) {
      const { number, timeout, called } = wait
      if (now > called + timeout + rounding) this.#facts.violated(`wait ${number} is pending after its deadline`)
      if (this.#facts.transportClosed) this.#facts.violated(`wait ${number} is pending after close`)
      if (this.#facts.call(wait.topic) === undefined) {
        this.#facts.violated(`wait ${number} is pending without a subscription of (${topicText(wait.topic)})`)
      }
      if (!wait.recalls || this.#recallsUnderWay >= recallsAtATime) continue
      for (const { why, by } of wait.owed) {
        if (by !== undefined && now >= by)
          this.#facts.violated(`the store was not asked for wait ${number} although it was ${why}`)
      }
      if (now > Math.max(called, wait.lastAsked) + setup.backstop * 1.15 + rounding) {
        this.#facts.violated(`the store was not asked for wait ${number} for longer than a backstop`)
      }
      const look = lastLook(wait)
      if (look !== undefined && now > look + rounding && wait.lastAsked < look) {
        this.#facts.violated(`no last look for wait ${number}`)
      }
    }
  }

  #happens(outcome: string, why: string, concerns: (wait: WaitRecord) => boolean): void {
    this.#causes.push({ outcome, why, concerns, must: [...this.#pending].filter(concerns) })
  }

  #subscriptionStands(wait: WaitRecord): void {
    wait.stood ??= this.#facts.turn
    if (wait.recalls) owe(wait, 'subscribed', 0)
  }

  #recallersOf(key: EventKey): WaitRecord[] {
    return [...this.#pending].filter((wait) => wait.recalls && keyText(wait.key) === keyText(key))
  }

  /**
   * A hit settles every wait that counts kept outcomes. With the last look, which `idle` checks,
   * this is the promise that matters: what was readable by then is no timeout if the store answered.
   */
  #answered(key: EventKey, answer: Message | undefined | Error, asked: readonly WaitRecord[], recall: number): void {
    if (answer instanceof Error && codeOf(answer) !== 'ERR_FORBIDDEN') {
      const { now } = this.#facts
      for (const wait of asked) {
        if (!wait.alone) continue
        const half = (wait.called + wait.timeout - now) / 2
        owe(wait, 'unanswered', Math.max(25, Math.min(longestBackoff, half)) + rounding)
      }
      return
    }
    for (const wait of asked) if (wait.recall === recall) wait.answered = this.#facts.turn
    if (answer === undefined) return
    const outcome = answer instanceof Error ? 'forbidden' : messageText(answer)
    const why = `the store answered (${keyText(key)}) with ${outcome}`
    this.#happens(outcome, why, (wait) => wait.recalls && keyText(wait.key) === keyText(key))
  }

  #timedOut(wait: WaitRecord, report: TimeoutReport | undefined): void {
    const { now, turn, transport, unblocked } = this.#facts
    const deadline = wait.called + wait.timeout
    if (now < deadline) this.#facts.violated(`wait ${wait.number} timed out ${deadline - now} ms early`)
    const key = keyText(wait.key)
    const heard = [...transport.output.underWay].some((message) => message.key === key && message.at <= now)
    const told = wait.recalls && [...transport.input.underWay].some(({ keys, at }) => keys.includes(key) && at <= now)
    if ((heard || told) && unblocked - deadline > 20 + rounding) {
      this.#facts.violated(`wait ${wait.number} timed out while its outcome had arrived but was not read yet`)
    }
    if (report === undefined) return
    const disconnected = this.#facts.missing(deadline - wait.timeout, deadline)
    const recalled = wait.answered !== undefined ? 'answered' : wait.asked !== undefined ? 'unanswered' : 'never'
    const unclear = [wait.stood, wait.asked, wait.answered].includes(turn)
    // Of several waits those that asked are not known, nor what is still queued.
    const look = lastLook(wait)
    const looked = wait.lastAsked < now && (look === undefined || wait.lastAsked >= look)
    const clear = wait.alone && looked && this.#recallsUnderWay < recallsAtATime
    const wrong =
      report.subscribed !== (wait.stood !== undefined) ||
      Math.abs(report.disconnected - disconnected) > rounding ||
      (clear && report.recalled !== recalled)
    if (wrong && !unclear) {
      const said = JSON.stringify(report, ['subscribed', 'disconnected', 'recalled'])
      const is = JSON.stringify({ subscribed: wait.stood !== undefined, disconnected, recalled })
      this.#facts.violated(`the timeout of wait ${wait.number} says ${said}, but it is ${is}`)
    }
  }

  #closed(wait: WaitRecord): void {
    if (!this.#facts.closeCalled || this.#facts.now < this.#facts.drainEnd - rounding) {
      this.#facts.violated(`wait ${wait.number} was closed before the drain was over`)
    }
  }

  #isDecided(wait: WaitRecord): boolean {
    const { now } = this.#facts
    return now >= wait.called + wait.timeout || this.#causes.some(({ concerns }) => concerns(wait))
  }

  #count(outcome: string): void {
    if (outcome.startsWith('event')) this.counts.resolved++
    else if (outcome.startsWith('failure')) this.counts.failure++
    else if (outcome.startsWith('aborted')) this.counts.aborted++
    else if (outcome === 'timeout') this.counts.timeout++
    else if (outcome === 'forbidden') this.counts.refused++
    else if (outcome === 'closed') this.counts.closed++
  }
}

function owe(wait: WaitRecord, why: Owed['why'], within: number): void {
  wait.owed.push({ why, within, by: undefined })
}

/** At 90 % of the time, at least 50 ms before the deadline; waits of 50 ms or less have none. */
function lastLook({ called, timeout }: WaitRecord): number | undefined {
  return timeout > 50 ? called + timeout - Math.max(50, Math.ceil(timeout / 10)) : undefined
}
