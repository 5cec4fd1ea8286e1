import type { EventKey, Topic } from 'server-events'
import type { Setup } from '../scenario'
import { topicText } from '../texts'
import type { ScriptedTransport } from '../transport/scripted-transport'
import type { Call } from '../transport/subscribing-side'
import type { VirtualTime } from '../virtual-time'

/** Timers and deadlines each round up to whole milliseconds. */
export const rounding = 2

/** In ms. */
const longestLinger = 60_000

/** What is known of the world, from which all rules are judged. Nothing here is asked of the engine. */
export class Facts {
  output: 'never' | 'up' | 'down' = 'never'
  /** An attempt to connect the subscribing side has failed. */
  unreached = false
  /** When the subscribing side was away; the last one may be open. */
  readonly gaps: { readonly from: number; to: number }[] = [{ from: 0, to: Infinity }]
  /** Counts the pieces of work that run without a promise job in between, and their promise jobs. */
  turn = 0
  #closeCalled: number | undefined
  drainEnd = Infinity
  /** When the drain was over, give or take the rounding. */
  drainOver: number | undefined
  transportClosed = false
  /** The label of the instance, where there are homes. */
  own = ''
  /** When the loop was last released from being blocked. */
  unblocked = 0

  /** Nothing is held for a subscribing side that is not there. */
  get outputAway(): boolean {
    return this.output === 'down' || (this.output === 'never' && this.unreached)
  }

  constructor(
    readonly time: VirtualTime,
    readonly setup: Setup,
    readonly transport: ScriptedTransport,
    readonly violated: (what: string) => void,
  ) {}

  get closeCalled(): boolean {
    return this.#closeCalled !== undefined
  }

  /** A second close shortens the drain of the first, if its own is smaller. */
  closing(drain: number): void {
    this.#closeCalled ??= this.now
    this.drainEnd = Math.min(this.drainEnd, this.#closeCalled + drain)
  }

  get now(): number {
    return this.time.now
  }

  keeps(name: string): boolean {
    return name === 'kept'
  }

  keepsOnce(name: string): boolean {
    return this.keeps(name) && this.setup.once
  }

  /** The subscription that a wait needs. */
  topicOf({ name, id }: EventKey): Topic {
    if (this.setup.routing === 'name') return { name }
    const [, home] = id.split('~')
    return home === undefined ? { name, id } : { name, home }
  }

  /** The subscription of the name in option `listen`. */
  get listened(): Topic {
    return { name: 'plain', ...(this.transport.homes && { home: this.own }) }
  }

  /** What ids of a scenario are in this run. */
  idOf(id: string): string {
    if (!this.transport.homes) return id
    return `${id}~${this.setup.home === 'own' ? this.own : 'AAAAaaaarko'}`
  }

  /** How long a subscription may stay when nobody needs it: a use in between starts the time anew. */
  longestLinger({ id, home }: Topic): number {
    const lingers = this.setup.routing === 'name' ? id === undefined : home === this.own && home !== ''
    return lingers ? longestLinger : 0
  }

  call(topic: Topic): Call | undefined {
    return this.transport.output.calls.get(topicText(topic))
  }

  /** Subscriptions that an emit of the key may be meant for: in flight, or wanted again while they end. */
  awaited({ name, id }: EventKey): Call[] {
    return [this.call({ name }), this.call(this.topicOf({ name, id }))].filter(
      (call): call is Call => call !== undefined && this.isAwaited(call),
    )
  }

  /** Whether a subscription of the key is being asked for or ended. */
  inFlight({ name, id }: EventKey): boolean {
    return [this.call({ name }), this.call(this.topicOf({ name, id }))].some(
      (call) => call !== undefined && call.state !== 'standing',
    )
  }

  isAwaited({ topic, state }: Call): boolean {
    return state === 'subscribing' || (state === 'unsubscribing' && this.isNeeded(topic))
  }

  /** Whether waits or listeners need a subscription, as far as promises show it. */
  isNeeded: (topic: Topic) => boolean = () => false

  /** ms without a subscribing side between two times. */
  missing(from: number, to: number): number {
    return this.gaps.reduce((sum, gap) => sum + Math.max(0, Math.min(to, gap.to) - Math.max(from, gap.from)), 0)
  }

  /** Whether the drain may be over: timers round. */
  mayHaveDrained(pending: number): boolean {
    return this.closeCalled && (pending === 0 || this.now >= this.drainEnd - rounding)
  }
}
