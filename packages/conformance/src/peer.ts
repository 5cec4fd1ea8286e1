import type { EventKey, Message, Receiver, Store, Topic, Transport } from 'server-events'

export interface Heard {
  readonly key: EventKey
  readonly message: Message
}

/** Messages that only prove that a subscription stands begin like this, and do not count as heard. */
export const probeMark = '["probe'

/** A transport with a receiver that writes down everything it is told. */
export class Peer implements Receiver {
  /** What was told, in order: 'inputStore up', 'lost a', 'deliver a 1'. */
  readonly log: string[] = []
  readonly heard: Heard[] = []
  readonly probes: EventKey[] = []
  readonly losses: { readonly topic: Topic; readonly error: Error }[] = []
  /** Called inside `deliver` and `state`, after they are written down. */
  onDeliver: (heard: Heard) => void = () => {}
  onState: (store: Store, up: boolean) => void = () => {}

  constructor(readonly transport: Transport) {}

  /** The bodies that arrived, as text. */
  get bodies(): string[] {
    return this.heard.map(({ message }) => textOf(message))
  }

  states(store: Store): boolean[] {
    const told = this.log.filter((line) => line === `${store} up` || line === `${store} down`)
    return told.map((line) => line.endsWith('up'))
  }

  ups(store: Store): number {
    return this.states(store).filter(Boolean).length
  }

  /** Resolves, as a promise reaction of it, when the store is told to be so the next time. */
  next(store: Store, up: boolean): Promise<void> {
    const before = this.onState
    return new Promise((resolve) => {
      this.onState = (...told) => {
        before(...told)
        if (told[0] === store && told[1] === up) resolve()
      }
    })
  }

  wants(): boolean {
    return true
  }

  deliver(key: EventKey, message: Message): void {
    if (textOf(message).startsWith(probeMark)) {
      this.probes.push(key)
      return
    }
    this.log.push(`deliver ${key.name} ${key.id}`)
    const heard = { key, message }
    this.heard.push(heard)
    this.onDeliver(heard)
  }

  state(store: Store, up: boolean): void {
    this.log.push(`${store} ${up ? 'up' : 'down'}`)
    this.onState(store, up)
  }

  lost(topic: Topic, error: Error): void {
    this.log.push(`lost ${topic.name}`)
    this.losses.push({ topic, error })
  }

  error(store: Store, error: Error): void {
    this.log.push(`${store} error ${describeError(error)}`)
  }
}

function textOf({ body }: Message): string {
  return typeof body === 'string' ? body : Buffer.from(body).toString('latin1')
}

export function codeOf(error: unknown): unknown {
  return (error as { code?: unknown } | null | undefined)?.code
}

export function describeError(error: unknown): string {
  if (!(error instanceof Error)) return `${typeof error} instead of an Error`
  const code = codeOf(error)
  return `${typeof code === 'string' ? code : error.name}: ${error.message}`
}
