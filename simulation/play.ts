import type * as Core from 'server-events'
import { initTimeout } from './rules/listen-rules'
import { Oracle, Violation } from './rules/oracle'
import type { TimeoutReport, WaitRecord } from './rules/wait-rules'
import { signals, type Action, type Key, type Scenario } from './scenario'
import { CountingSignal } from './signal'
import { codeOf, emitText, keyText, messageText } from './texts'
import type { VirtualTime } from './virtual-time'

/** Longer than any wait, linger, hold and retry of a scenario, in ms. */
const untilAllIsQuiet = 110_000
const untilClosed = 10_000

/** An engine, and the time that it was loaded with. */
export interface Subject {
  readonly time: VirtualTime
  readonly core: typeof Core
}

/** Plays a scenario. Returns the violation of a rule, if there is one; `write` gets the history line by line. */
export async function play(
  subject: Subject,
  scenario: Scenario,
  write?: (line: string) => void,
): Promise<string | undefined> {
  const playing = new Play(subject, scenario, write)
  const unhandled = (error: unknown): void => playing.violated(`unhandled rejection: ${String(error)}`)
  process.on('unhandledRejection', unhandled)
  try {
    await playing.run()
    return undefined
  } catch (error) {
    return error instanceof Violation ? error.message : `something threw: ${String((error as Error).stack)}`
  } finally {
    process.off('unhandledRejection', unhandled)
    subject.time.onStep = () => {}
  }
}

interface Listened {
  readonly name: string
  readonly number: number
  /** Once it stands, until it ends. */
  close?: () => Promise<void>
}

/** What is emitted under a number: each its own, unless it is emitted again. */
interface Outcome {
  readonly type: 'emit' | 'fail'
  readonly number: number
}

class Play {
  readonly #time: VirtualTime
  readonly #scenario: Scenario
  readonly #write: ((line: string) => void) | undefined
  readonly #oracle: Oracle
  readonly #events: Core.ServerEvents<Record<string, number[]>>
  readonly #signals = Array.from({ length: signals }, () => new CountingSignal())
  readonly #listenings: Listened[] = []
  #messages = 0
  readonly #last = new Map<string, Outcome>()
  #waits = 0
  #others = 0

  constructor({ time, core }: Subject, scenario: Scenario, write: ((line: string) => void) | undefined) {
    const { setup } = scenario
    time.reset(setup.random, setup.inChunks)
    const start = time.now
    this.#write = write && ((line) => write(`${(time.now - start).toFixed(2).padStart(10)} ms  ${line}`))
    this.#time = time
    this.#scenario = scenario
    this.#oracle = new Oracle(time, setup, this.#write)
    this.#events = new core.ServerEvents<Record<string, number[]>>(this.#oracle.transport, {
      keep: { kept: setup.once ? { ms: setup.keep, once: true } : setup.keep },
      headers: () => ({ emit: String(this.#messages) }),
      listen: setup.listen ? ['plain'] : [],
      backstop: setup.backstop,
      initTimeout,
    })
    this.#events.onerror((store, error) => {
      if (store === 'inputStore') this.#oracle.emits.told(codeOf(error))
    })
    this.#oracle.watch(this.#events)
    const { facts, transport } = this.#oracle
    if (transport.homes) facts.own = core.homeOf(this.#events.createId()) ?? ''
  }

  violated(what: string): void {
    this.#oracle.violated(what)
  }

  async run(): Promise<void> {
    for (const { after, action } of this.#scenario.steps) {
      if (after > 0) await this.#time.run(after)
      this.#do('key' in action ? { ...action, key: this.#inHome(action.key) } : action)
    }
    await this.#end()
  }

  #inHome({ name, id }: Key): Key {
    return { name, id: this.#oracle.facts.idOf(id) }
  }

  /** All is let come to rest, then closed: nothing may be left, first of waits, then of the instance. */
  async #end(): Promise<void> {
    await this.#time.run(untilAllIsQuiet)
    const { listens, waits } = this.#oracle
    if (waits.pending > 0) this.#oracle.violated('waits are left')
    if (listens.topics.size === 0 && this.#events.stats().names > 0) this.#oracle.violated('names are left')
    this.#close(100)
    await this.#time.run(5)
    // Once more, while a drain that is over could still go on.
    this.#close(50)
    await this.#time.run(untilClosed)
    const { names } = this.#events.stats()
    if (this.#oracle.questions.size > 0)
      this.#oracle.violated(`pending after close: ${[...this.#oracle.questions].join()}`)
    if (names > 0) this.#oracle.violated(`${names} names are left after close`)
    await this.#time.run(0)
  }

  #do(action: Action): void {
    const { transport, facts, listens } = this.#oracle
    const { weather } = transport
    switch (action.type) {
      case 'on':
        return this.#on(action)
      case 'emit':
      case 'fail':
        return this.#emit(action)
      case 'peek':
        return this.#peek(action.key)
      case 'forget':
        this.#log(`forget(${keyText(action.key)})`)
        return this.#ask(`forget(${keyText(action.key)})`, this.#events.forget(action.key.name, action.key.id))
      case 'abort':
        return this.#abort(action.signal)
      case 'listen':
        return this.#listen(action.name)
      case 'unlisten': {
        const listening = this.#listenings.find(({ name, close }) => name === action.name && close !== undefined)
        if (listening?.close === undefined) return
        this.#log(`listen ${listening.number} ends`)
        listens.ended(listening.number)
        void listening.close()
        delete listening.close
        return
      }
      case 'init':
        return this.#init()
      case 'close':
        return this.#close(action.drain)
      case 'elsewhere':
        return this.#elsewhere(action)
      case 'block':
        this.#log(`the event loop is blocked for ${action.ms} ms`)
        this.#time.block(action.ms)
        facts.unblocked = this.#time.now
        return
      case 'cut':
        this.#log(`the connection of ${action.side} breaks for ${action.ms} ms`)
        if (facts.transportClosed) return
        return action.side === 'inputStore' ? transport.input.cut(action.ms) : transport.output.cut(action.ms)
      case 'freeze':
        this.#log(`the connection of outputStore is half-open, which is noticed after ${action.ms} ms`)
        return transport.output.freeze(action.ms)
      case 'refuse':
        this.#log(`the server refuses subscriptions of ${action.name}`)
        return transport.output.refuse(action.name)
      case 'allow':
        this.#log(`the server allows subscriptions of ${action.name}`)
        return transport.broker.allow(action.name)
      case 'delay':
        this.#log(`${action.of} takes ${action.ms} ms from now on`)
        weather.delays[action.of] = action.ms
        return
      case 'recalls':
        this.#log(`the fate of the next ${action.count} recalls: ${action.fate}`)
        return weather.nextRecalls(action.fate, action.count)
      case 'publish':
        this.#log(`the fate of the next publish: ${action.fate}`)
        return weather.nextPublish(action.fate)
      case 'message':
        this.#log(`the next message will be ${action.fate}`)
        return weather.nextMessage(action.fate)
    }
  }

  #on({ key, timeout, recall, signal }: Action & { readonly type: 'on' }): void {
    const { facts, waits, listens, once } = this.#oracle
    const chosen = signal === undefined ? undefined : this.#signals[signal]
    const wait: WaitRecord = {
      number: ++this.#waits,
      key,
      called: this.#time.now,
      timeout,
      recalls: recall && facts.keeps(key.name),
      signal,
      topic: facts.topicOf(key),
      refused: facts.closeCalled ? 'closed' : chosen?.aborted === true ? `aborted by signal ${signal}` : undefined,
      settled: false,
      stood: undefined,
      asked: undefined,
      answered: undefined,
      lastAsked: -Infinity,
      recall: 0,
      alone: true,
      owed: [],
    }
    const options = `timeout ${timeout}${recall ? '' : ', recall false'}${signal === undefined ? '' : `, signal ${signal}`}`
    this.#log(`on(${keyText(key)}) ${options} -> wait ${wait.number}`)
    waits.called(wait)
    if (wait.refused === undefined) listens.desired()
    const settled = (outcome: string, report?: TimeoutReport): void => {
      this.#log(`  wait ${wait.number}: ${outcome}`)
      waits.settled(wait, outcome, report)
      once.settled(key, outcome)
      this.#checkSignals()
    }
    const given = chosen === undefined ? {} : { signal: chosen as unknown as AbortSignal }
    this.#events.on(key.name, key.id, { timeout, recall, ...given }).then(
      ([number]) => settled(`event ${number}`),
      (error: unknown) => settled(outcomeOf(error), error as TimeoutReport),
    )
  }

  /** A new outcome, or the last one of this key once more. */
  #outcome(type: 'emit' | 'fail', key: Key, again: boolean): Outcome {
    const number = ++this.#messages
    const last = again ? this.#last.get(keyText(key)) : undefined
    const outcome = last ?? { type, number }
    this.#last.set(keyText(key), outcome)
    return outcome
  }

  #emit({ type, key, again }: Action & { readonly type: 'emit' | 'fail' }): void {
    const { emits, waits } = this.#oracle
    const outcome = this.#outcome(type, key, again)
    const text = emitText({ ...messageOf(outcome), headers: { emit: String(this.#messages) } })
    this.#log(`${outcome.type}(${keyText(key)}) -> ${text}`)
    emits.called(text, key, waits.undecided)
    const sent =
      outcome.type === 'emit'
        ? this.#events.emit(key.name, key.id, outcome.number)
        : this.#events.fail(key.name, key.id, new Error(String(outcome.number)))
    sent.then(
      () => emits.settled(text, 'accepted', waits.undecided),
      (error: unknown) => emits.settled(text, codeOf(error), waits.undecided),
    )
  }

  /** What another process does reaches the server at once. */
  #elsewhere({ does, key, again }: Action & { readonly type: 'elsewhere' }): void {
    const { facts, transport } = this.#oracle
    if (does === 'forget') {
      this.#log(`elsewhere forget(${keyText(key)})`)
      transport.broker.forget(key)
      return
    }
    const message = messageOf(this.#outcome(does, key, again))
    const text = messageText(message)
    this.#log(`elsewhere ${does}(${keyText(key)}) -> ${text}`)
    const keep = facts.keeps(key.name) ? this.#scenario.setup.keep : 0
    const once: Core.Once = (held) => (messageText(held) === text ? 'same' : 'other')
    const own = facts.keepsOnce(key.name) ? [once] : []
    transport.broker.publish(this.#time.now, key, { ...message, kept: keep > 0 }, keep, ...own)
  }

  #abort(index: number): void {
    this.#log(`signal ${index} aborts`)
    const signal = this.#signals[index]
    if (signal === undefined || signal.aborted) return
    this.#oracle.waits.aborted(index)
    signal.abort({ signal: index })
  }

  #listen(name: Key['name']): void {
    const { facts, listens } = this.#oracle
    const listening: Listened = { name, number: ++this.#others }
    const { number } = listening
    this.#log(`listen(${name}) -> listen ${number}`)
    if (!facts.closeCalled) {
      listens.called(number, name)
      listens.desired()
      this.#listenings.push(listening)
    }
    const listener = (id: string, event: number): void => listens.heard(number, { name, id }, `event ${event}`)
    this.#events.listen(name, listener).then(
      ({ close }) => {
        this.#log(`  listen ${number} stands`)
        listens.settled(number, undefined)
        listening.close = close
      },
      (error: unknown) => {
        this.#log(`  listen ${number}: ${codeOf(error)}`)
        listens.settled(number, codeOf(error))
      },
    )
  }

  #init(): void {
    const { facts, listens } = this.#oracle
    const number = ++this.#others
    this.#log(`init() -> init ${number}`)
    if (!facts.closeCalled) {
      listens.initCalled(number)
      listens.desired()
    }
    const settled = (code: string | undefined): void => {
      this.#log(`  init ${number}: ${code ?? 'done'}`)
      if (code !== 'ERR_CLOSED' || !facts.closeCalled) listens.initSettled(number, code)
      else listens.initEnded(number)
    }
    this.#events.init().then(
      () => settled(undefined),
      (error: unknown) => settled(codeOf(error)),
    )
  }

  #peek(key: Key): void {
    let expected: string | undefined
    this.#log(`peek(${keyText(key)})`)
    this.#oracle.peeking = (answer) => {
      expected = answer
    }
    const peeked = this.#events
      .peek(key.name, key.id)
      .then((args) => (args === undefined ? 'nothing' : `event ${Number(args[0])}`), outcomeOf)
    this.#oracle.peeking = undefined
    const asked = peeked.then((outcome) => {
      if (outcome === 'closed' && this.#oracle.facts.closeCalled) return
      const wanted = expected === 'ERR_FORBIDDEN' ? 'forbidden' : expected
      if (outcome !== wanted) this.#oracle.violated(`peek(${keyText(key)}) is ${outcome} instead of ${String(wanted)}`)
    })
    this.#ask(`peek(${keyText(key)})`, asked)
  }

  #close(drain: number): void {
    const { facts } = this.#oracle
    this.#log(`close(${drain > 0 ? `drain ${drain}` : ''})`)
    facts.closing(drain)
    this.#ask('close()', this.#events.close({ drain }))
  }

  /** Something that has to settle, one way or the other, before the end. */
  #ask(what: string, asked: Promise<unknown>): void {
    const question = `${what} ${++this.#others}`
    this.#oracle.questions.add(question)
    const settled = (outcome: string): void => {
      this.#log(`  ${what}: ${outcome}`)
      this.#oracle.questions.delete(question)
    }
    asked.then(
      () => settled('done'),
      (error: unknown) => settled(outcomeOf(error)),
    )
  }

  /** One listener on a signal that has waits, none on one that has none. */
  #checkSignals(): void {
    this.#signals.forEach((signal, index) => {
      const waits = this.#oracle.waits.with(index)
      // Of waits that the engine has settled, promises may not show it yet.
      const wrong = waits === 0 ? signal.listeners > 0 : signal.listeners > 1
      if (wrong) this.#oracle.violated(`signal ${index} has ${signal.listeners} listeners for ${waits} waits`)
    })
  }

  #log(line: string): void {
    this.#write?.(line)
  }
}

/** As the engine makes it. */
function messageOf({ type, number }: Outcome): Core.Message {
  return type === 'emit'
    ? { kind: 'event', body: JSON.stringify([number]) }
    : { kind: 'failure', body: JSON.stringify({ name: 'Error', message: String(number) }) }
}

function outcomeOf(error: unknown): string {
  const { code, signal, message } = error as { code?: string; signal?: number; message?: string }
  if (signal !== undefined) return `aborted by signal ${signal}`
  switch (code) {
    case 'ERR_TIMEOUT':
      return 'timeout'
    case 'ERR_REMOTE':
      return `failure ${String(message)}`
    case 'ERR_FORBIDDEN':
      return 'forbidden'
    case 'ERR_CLOSED':
      return 'closed'
    default:
      return codeOf(error)
  }
}
