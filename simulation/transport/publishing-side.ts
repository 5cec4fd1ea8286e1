import type { EventKey, Message, Once, Receiver } from 'server-events'
import type { RecallFate } from '../scenario'
import { emitText, errorOf, keyText } from '../texts'
import type { VirtualTime } from '../virtual-time'
import type { Broker } from './broker'
import type { Observer } from './observer'
import { Pipe } from './pipe'
import type { Weather } from './weather'

type Answers = (Message | undefined | Error)[]

/** A command that was handed over and has not settled. */
interface Command {
  written: boolean
  /** It left before, on a connection that broke, and may have been executed. */
  again: boolean
  /** Whether it is written again after that. */
  readonly repeats: boolean
  write(): void
  /** Undefined when it has succeeded. */
  settle(code: string | undefined): void
}

/** A publish that is not acknowledged for so long rejects, in ms. */
const publishTimeout = 5000

/** The connection that publishes, stores and reads. */
export class PublishingSide {
  receiver!: Receiver
  /** Answers that have left the server and that this process has not read. */
  readonly underWay = new Set<{ readonly at: number; readonly keys: readonly string[] }>()
  wasUp = false
  readonly #time: VirtualTime
  readonly #weather: Weather
  readonly #broker: Broker
  readonly #observer: Observer
  readonly #dial: number
  #state: 'idle' | 'away' | 'up' | 'closed' = 'idle'
  #epoch = 0
  #requests = new Pipe()
  readonly #commands = new Set<Command>()
  readonly #whenUp = new Set<{ resolve(): void; reject(error: Error): void }>()
  readonly #recalls = new Set<() => void>()

  constructor(time: VirtualTime, weather: Weather, broker: Broker, observer: Observer, dial: number) {
    this.#time = time
    this.#weather = weather
    this.#broker = broker
    this.#observer = observer
    this.#dial = dial
  }

  connect(): Promise<void> {
    if (this.#state === 'closed') this.#observer.violated('connect() after close')
    this.#need()
    if (this.#state === 'up') return Promise.resolve()
    return new Promise((resolve, reject) => this.#whenUp.add({ resolve, reject }))
  }

  publish(key: EventKey, message: Message, keepMs: number, once?: Once): Promise<void> {
    const text = emitText(message)
    this.#observer.log(`  publish ${text} of (${keyText(key)})`)
    if (this.#state === 'closed') this.#observer.violated(`publish of ${text} after close`)
    this.#observer.handedOver(text)
    const written = (settle: Command['settle']): void => {
      const fate = this.#weather.takePublish()
      this.#request((at) => {
        if (fate === 'forbidden') return this.#acknowledge(at, () => settle('ERR_FORBIDDEN'))
        const isRefused = fate === 'not kept' && keepMs > 0
        // What is kept once and could not be stored is not published.
        if (isRefused && once) return this.#acknowledge(at, () => settle('ERR_UNCERTAIN'))
        const held = this.#broker.publish(at, key, message, isRefused ? 0 : keepMs, once)
        if (fate === 'unacknowledged') return
        this.#acknowledge(at, () => settle(isRefused ? 'ERR_NOT_KEPT' : this.#verdict(key, message, held, once)))
      })
    }
    return this.#command(written, once !== undefined, (code) => this.#observer.published(text, code))
  }

  forget(key: EventKey): Promise<void> {
    this.#observer.log(`  forget(${keyText(key)}) is asked`)
    if (this.#state === 'closed') this.#observer.violated('forget() after close')
    return this.#command((settle) => {
      this.#request((at) => {
        this.#broker.forget(key)
        this.#acknowledge(at, () => settle(undefined))
      })
    }, false)
  }

  recall(keys: readonly EventKey[]): Promise<Answers> {
    const texts = keys.map((key) => `(${keyText(key)})`).join(' ')
    if (this.#state === 'closed') this.#observer.violated(`recall of ${texts} after close`)
    const answered = this.#observer.recalling(keys)
    this.#need()
    const errors = (code: string): Answers => keys.map(() => errorOf(code))
    if (this.#state !== 'up') {
      const answers = errors('ERR_CONNECTION')
      answered(answers)
      return Promise.resolve(answers)
    }
    const fate = this.#weather.takeRecall()
    return new Promise((resolve, reject) => {
      const settle = (answers: Answers): void => {
        if (!this.#recalls.delete(interrupt)) return
        answered(answers)
        if (fate === 'rejected') reject(errorOf('ERR_CONNECTION'))
        else resolve(answers)
      }
      const interrupt = (): void => settle(errors('ERR_CONNECTION'))
      this.#recalls.add(interrupt)
      this.#time.outside(this.#time.now + this.#weather.delays.read, (read) => {
        const answers = answersBy(fate, keys, (key) => this.#broker.read(read, key))
        const hits = keys.filter((_, index) => answers[index] !== undefined && !(answers[index] instanceof Error))
        const arrival = { at: read + this.#weather.delays.answer, keys: hits.map(keyText) }
        if (this.#recalls.has(interrupt)) this.underWay.add(arrival)
        this.#time.arrive(arrival.at, () => {
          this.underWay.delete(arrival)
          settle(answers)
        })
      })
    })
  }

  /** The connection breaks; another one stands after `ms`. */
  cut(ms: number): void {
    if (this.#state !== 'up') return
    this.#observer.inputDown()
    this.underWay.clear()
    for (const command of [...this.#commands]) this.#lost(command)
    for (const interrupt of [...this.#recalls]) interrupt()
    this.receiver.state('inputStore', false, errorOf('ERR_CONNECTION'))
    this.#connect(ms)
  }

  close(): void {
    this.#state = 'closed'
    this.#epoch++
    for (const command of [...this.#commands]) command.settle(mayHappen(command) ? 'ERR_UNCERTAIN' : 'ERR_CLOSED')
    for (const interrupt of [...this.#recalls]) interrupt()
    for (const { reject } of this.#whenUp) reject(errorOf('ERR_CLOSED'))
  }

  #need(): void {
    if (this.#state === 'idle') this.#connect(this.#dial)
  }

  #connect(ms: number): void {
    this.#state = 'away'
    this.#epoch++
    this.#requests = new Pipe()
    const epoch = this.#epoch
    this.#time.arrive(this.#time.now + ms, () => {
      if (epoch !== this.#epoch) return
      this.#state = 'up'
      this.wasUp = true
      for (const command of this.#commands) command.write()
      for (const { resolve } of this.#whenUp) resolve()
      this.#whenUp.clear()
      this.receiver.state('inputStore', true)
    })
  }

  #command(
    written: (settle: Command['settle']) => void,
    repeats: boolean,
    settled: (code: string | undefined) => void = () => {},
  ): Promise<void> {
    return new Promise((resolve, reject) => {
      const command: Command = {
        written: false,
        again: false,
        repeats,
        write: () => {
          command.written = true
          written(command.settle)
        },
        settle: (code) => {
          if (!this.#commands.delete(command)) return
          settled(code)
          if (code === undefined) resolve()
          else reject(errorOf(code))
        },
      }
      this.#commands.add(command)
      this.#need()
      if (this.#state === 'up') command.write()
      this.#time.arrive(this.#time.now + publishTimeout, () => {
        command.settle(mayHappen(command) ? 'ERR_UNCERTAIN' : 'ERR_CONNECTION')
      })
    })
  }

  #lost(command: Command): void {
    if (!command.written) return
    if (!command.repeats) return command.settle('ERR_UNCERTAIN')
    command.written = false
    command.again = true
  }

  /** What an emit ends in where this was kept already. */
  #verdict(key: EventKey, message: Message, held: Message | undefined, once: Once | undefined): string | undefined {
    if (held === undefined || once === undefined) return undefined
    const verdict = once(held)
    this.#observer.compared(key, held, message, verdict)
    return verdict === 'same' ? undefined : 'ERR_ALREADY_SETTLED'
  }

  /** What is written is executed, even if the connection breaks meanwhile: bytes that left cannot be recalled. */
  #request(callback: (at: number) => void): void {
    this.#time.outside(this.#requests.after(this.#time.now, this.#weather.delays.publish), callback)
  }

  #acknowledge(at: number, callback: () => void): void {
    const epoch = this.#epoch
    this.#time.arrive(at + this.#weather.delays.acknowledge, () => {
      if (epoch === this.#epoch) callback()
    })
  }
}

function mayHappen({ written, again }: Command): boolean {
  return written || again
}

function answersBy(
  fate: RecallFate | 'fair',
  keys: readonly EventKey[],
  read: (key: EventKey) => Message | undefined,
): Answers {
  if (fate === 'forbidden') return keys.map(() => errorOf('ERR_FORBIDDEN'))
  if (fate === 'error' || fate === 'rejected') return keys.map(() => errorOf('ERR_CONNECTION'))
  return keys.map((key, index) => (fate === 'first unknown' && index === 0 ? errorOf('ERR_CONNECTION') : read(key)))
}
