import type { EventKey, Message, Topic } from 'server-events'

/** Who watches the scripted transport: told before the engine is, so that it knows what the engine owes. */
export interface Observer {
  log(line: string): void
  /** Ends the run. */
  violated(what: string): void

  stood(topic: Topic): void
  refused(topic: Topic): void
  unsubscribing(topic: Topic): void
  unsubscribed(topic: Topic): void
  lost(topic: Topic): void
  outputUp(): void
  outputDown(): void
  /** The first attempt to connect has failed. */
  outputUnreached(): void
  inputDown(): void
  /** `deliver` hands the message to the engine. */
  delivering(key: EventKey, message: Message, deliver: () => void): void

  /** Returns what is to be called with the answers. */
  recalling(keys: readonly EventKey[]): (answers: readonly (Message | undefined | Error)[]) => void
  handedOver(message: string): void
  /** The engine has called what holds the same as an outcome that is emitted, or another one. */
  compared(key: EventKey, held: Message, message: Message, verdict: string): void
  published(message: string, code: string | undefined): void
  closing(): void
}
