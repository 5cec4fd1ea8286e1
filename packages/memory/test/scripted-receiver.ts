import type { EventKey, Message, Receiver, Side, Topic } from 'server-events'

/** Writes down everything it is told, in order. */
export class ScriptedReceiver implements Receiver {
  readonly log: string[] = []
  readonly messages: Message[] = []
  readonly keys: EventKey[] = []
  readonly causes: unknown[] = []
  wanted = (_key: EventKey): boolean => true
  onDeliver = (_key: EventKey, _message: Message): void => {}
  onState = (_store: Side, _up: boolean): void => {}

  /** The bodies that arrived, as text. */
  get bodies(): string[] {
    return this.messages.map(({ body }) => (typeof body === 'string' ? body : Buffer.from(body).toString()))
  }

  wants(key: EventKey): boolean {
    return this.wanted(key)
  }

  deliver(key: EventKey, message: Message): void {
    this.log.push(`deliver ${key.name} ${key.id}`)
    this.keys.push(key)
    this.messages.push(message)
    this.onDeliver(key, message)
  }

  state(store: Side, up: boolean, cause?: Error): void {
    this.log.push(`${store} ${up ? 'up' : 'down'}`)
    if (!up) this.causes.push(cause)
    this.onState(store, up)
  }

  lost({ name }: Topic): void {
    this.log.push(`lost ${name}`)
  }

  error(store: Side, error: Error): void {
    this.log.push(`${store} ${error.message}`)
  }
}
