import type { EventKey, Message, ServerEvents, Topic } from 'server-events'
import type { Setup } from '../scenario'
import { codeOf, keyText, messageText, topicText } from '../texts'
import type { Observer } from '../transport/observer'
import { ScriptedTransport } from '../transport/scripted-transport'
import type { VirtualTime } from '../virtual-time'
import { EmitRules } from './emit-rules'
import { Facts, rounding } from './facts'
import { ListenRules } from './listen-rules'
import { OnceRules } from './once-rules'
import { WaitRules } from './wait-rules'

/** A rule was broken; ends the run. */
export class Violation extends Error {
  override readonly name = 'Violation'
}

const longestForEmits = 5000
const longestRest = 50

/**
 * Judges the engine by what the user and the transport see of it, at every step. It knows the
 * rules of the design and nothing of the engine's data.
 */
export class Oracle implements Observer {
  readonly transport: ScriptedTransport
  readonly facts: Facts
  readonly waits: WaitRules
  readonly emits: EmitRules
  readonly listens: ListenRules
  readonly once: OnceRules
  /** Promises of peek, forget and close that have not settled. */
  readonly questions = new Set<string>()
  /** Set while a call of `peek` runs: a recall within it is its own. */
  peeking: ((answer: string) => void) | undefined
  readonly #peeks = new WeakMap<EventKey, (answer: string) => void>()
  /** Since when nothing is under way, while a close drains. */
  #quietSince: number | undefined
  readonly #time: VirtualTime
  readonly #write: ((line: string) => void) | undefined
  #events!: Pick<ServerEvents, 'stats'>
  #violation: string | undefined
  readonly #unusedSince = new Map<string, number>()

  constructor(time: VirtualTime, setup: Setup, write: ((line: string) => void) | undefined) {
    this.#time = time
    this.#write = write
    this.transport = new ScriptedTransport(time, setup, this)
    this.facts = new Facts(time, setup, this.transport, (what) => this.violated(what))
    this.waits = new WaitRules(this.facts)
    this.emits = new EmitRules(this.facts)
    this.listens = new ListenRules(this.facts)
    this.once = new OnceRules(this.facts)
    this.transport.broker.stored = (at, key, message, until) => this.once.stored(at, key, message, until)
    this.transport.broker.forgotten = (key) => this.once.forgotten(key)
    this.facts.isNeeded = (topic) => this.#isNeeded(topic)
    time.onStep = (idle) => this.#step(idle)
  }

  watch(events: Pick<ServerEvents, 'stats'>): void {
    this.#events = events
  }

  log(line: string): void {
    this.#write?.(line)
  }

  violated(what: string): void {
    this.#violation ??= what
  }

  // What the scripted transport tells

  stood(topic: Topic): void {
    this.log(`  (${topicText(topic)}) is subscribed`)
    this.waits.stood(topic)
    this.listens.stood(topic)
  }

  refused(topic: Topic): void {
    this.log(`  (${topicText(topic)}) is refused`)
    this.waits.refused(topic)
    this.listens.refused(topic)
  }

  unsubscribing(topic: Topic): void {
    this.waits.unsubscribing(topic)
    if (this.listens.need(topic)) {
      this.violated(`unsubscribe(${topicText(topic)}) although it has listeners`)
    }
  }

  unsubscribed(topic: Topic): void {
    this.log(`  (${topicText(topic)}) is unsubscribed`)
  }

  lost(topic: Topic): void {
    this.log(`  (${topicText(topic)}) is lost`)
    this.waits.refused(topic)
    this.listens.refused(topic)
  }

  outputUp(): void {
    const first = this.facts.output === 'never'
    this.log(`  outputStore is up${first ? '' : ' again'}`)
    this.facts.output = 'up'
    const gap = this.facts.gaps.at(-1)
    if (gap !== undefined) gap.to = this.#time.now
    if (!first) this.waits.restored()
  }

  outputDown(): void {
    this.log('  outputStore is down')
    this.facts.output = 'down'
    this.facts.gaps.push({ from: this.#time.now, to: Infinity })
    this.waits.interrupted()
  }

  outputUnreached(): void {
    this.log('  outputStore cannot be reached')
    this.facts.unreached = true
  }

  inputDown(): void {
    this.log('  inputStore is down')
  }

  delivering(key: EventKey, message: Message, deliver: () => void): void {
    this.log(`  ${messageText(message)} of (${keyText(key)}) arrives`)
    this.waits.delivered(key, message)
    this.listens.delivering(key, message, deliver)
  }

  recalling(keys: readonly EventKey[]): (answers: readonly (Message | undefined | Error)[]) => void {
    const what = keys.map((key) => `(${keyText(key)})`).join(' ')
    const [asked] = keys as readonly [EventKey]
    // A peek that lost its answer with the connection asks again, and not within the call: its key is the same object.
    if (this.peeking !== undefined) this.#peeks.set(asked, this.peeking)
    const peeked = this.#peeks.get(asked)
    this.log(peeked === undefined ? `  recall ${what}` : `  peek ${what} is asked`)
    const answered = peeked === undefined ? this.waits.asking(keys) : undefined
    return (answers) => {
      this.log(`  ${what} is answered: ${answers.map(answerText).join(', ')}`)
      peeked?.(answerText(answers[0]))
      answered?.(answers)
    }
  }

  handedOver(message: string): void {
    this.emits.handedOver(message, this.waits.undecided)
  }

  compared(key: EventKey, held: Message, message: Message, verdict: string): void {
    this.log(`  ${messageText(held)} of (${keyText(key)}) is ${verdict}`)
    this.once.compared(key, held, message, verdict)
  }

  published(message: string, code: string | undefined): void {
    this.log(`  ${message} is ${code ?? 'accepted'}`)
    this.emits.published(message, code)
  }

  closing(): void {
    this.log('  the transport is closed')
    const { now, closeCalled, drainOver } = this.facts
    if (!closeCalled) this.violated('the transport is closed without a close')
    if (!this.facts.mayHaveDrained(this.waits.undecided)) this.violated('the drain is cut short')
    if (this.emits.unanswered > 0 && now < (drainOver ?? now) + longestForEmits - rounding) {
      this.violated('the transport is closed before outstanding emits had their time')
    }
    this.facts.transportClosed = true
  }

  // Checks

  #step(idle: boolean): void {
    if (this.#violation === undefined) {
      this.waits.endTurn()
      this.emits.endTurn()
      this.listens.endTurn()
      this.#compareStats()
      this.#watchDrain()
      if (idle) this.#idle()
      this.facts.turn++
    }
    if (this.#violation !== undefined) throw new Violation(this.#violation)
  }

  #watchDrain(): void {
    const { facts } = this
    const lookups = [...this.questions].filter((question) => /^(peek|forget)/.test(question)).length
    const underWay = this.waits.pending + this.emits.open + lookups
    if (facts.drainOver !== undefined || !facts.closeCalled) return
    this.#quietSince = underWay === 0 ? (this.#quietSince ?? facts.now) : undefined
    // It rests anew if something stirred meanwhile, and a loop that was blocked ends a rest late.
    const restsFrom = Math.max(this.#quietSince ?? Infinity, facts.unblocked)
    const end = Math.min(facts.drainEnd - rounding, restsFrom + 2 * longestRest)
    if (facts.now >= end) facts.drainOver = facts.now
  }

  #compareStats(): void {
    const { pending, queued, settled } = this.#events.stats()
    const { counts } = this.waits
    const same =
      settled.event + settled.recall + settled.restored + settled.backstop === counts.resolved &&
      settled.failure === counts.failure &&
      settled.timeout === counts.timeout &&
      settled.aborted === counts.aborted &&
      settled.refused === counts.refused &&
      settled.closed === counts.closed
    if (!same) this.violated(`stats say ${JSON.stringify(settled)} of ${JSON.stringify(counts)}`)
    if (pending !== this.waits.pending) this.violated(`stats say ${pending} pending of ${this.waits.pending}`)
    if (queued !== this.emits.open) this.violated(`stats say ${queued} queued of ${this.emits.open}`)
  }

  #idle(): void {
    this.waits.idle()
    this.emits.idle()
    this.listens.idle()
    this.#checkUnused()
    this.#checkClosing()
    const open = this.waits.pending + this.emits.open + this.listens.open + this.questions.size
    const { holding, left } = this.#time
    if (open > 0 && holding === 0) this.violated('nothing holds the process although something is pending')
    if (open === 0 && this.facts.transportClosed && left > 0) this.violated(`${left} timers are left after close`)
    if (open === 0 && holding > 0) this.violated('the process is held although nothing is pending')
  }

  #isNeeded(topic: Topic): boolean {
    return this.waits.need(topic) || this.listens.topics.has(topicText(topic))
  }

  /** Nobody stays subscribed to what nobody needs. */
  #checkUnused(): void {
    const { now, transportClosed } = this.facts
    if (transportClosed) return
    const { calls } = this.transport.output
    for (const text of this.#unusedSince.keys()) if (!calls.has(text)) this.#unusedSince.delete(text)
    for (const [text, { topic, state }] of calls) {
      if (this.#isNeeded(topic) || state !== 'standing') this.#unusedSince.delete(text)
      else if (!this.#unusedSince.has(text)) this.#unusedSince.set(text, now)
      // A linger timer that had to wait for a blocked loop counts from there.
      const from = [this.#unusedSince.get(text) ?? Infinity, this.waits.lastNeeded.get(text) ?? 0, this.facts.unblocked]
      const since = Math.max(...from)
      if (now > since + this.facts.longestLinger(topic) + rounding)
        this.violated(`(${text}) is subscribed although nobody needs it`)
    }
  }

  #checkClosing(): void {
    const { now, drainOver, transportClosed } = this.facts
    if (drainOver === undefined || now <= drainOver + 2 * rounding || transportClosed) return
    if (this.emits.unanswered > 0 && now <= drainOver + longestForEmits + 3 * rounding) return
    this.violated('close does not go on although the drain is over')
  }
}

function answerText(answer: Message | undefined | Error): string {
  return answer === undefined ? 'nothing' : answer instanceof Error ? codeOf(answer) : messageText(answer)
}
