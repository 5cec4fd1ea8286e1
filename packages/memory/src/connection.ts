import { ClosedError, ConnectionError } from 'server-events'
import type { Receiver, Side } from 'server-events'
import type { MemoryHub } from './hub'
import type { HubConnection } from './members'
import { after } from './timers'

/** How long a call waits while the hub is disconnected, in ms; then it rejects, and never takes effect. */
export const patience = { connect: Infinity, publish: 5_000, subscribe: Infinity, recall: 0 } as const

interface Call {
  readonly patience: number
  readonly act: () => void
  readonly reject: (error: Error) => void
  arrived: boolean
  travel?: NodeJS.Timeout | undefined
  limit?: NodeJS.Timeout | undefined
}

/**
 * One side of a transport, as it would be connected to a server. Calls take effect in their order:
 * each when it has arrived at the hub and the connection stands.
 */
export class Connection implements HubConnection {
  readonly side: Side
  readonly #hub: MemoryHub
  readonly #receiver: () => Receiver | undefined
  readonly #calls = new Set<Call>()
  #broken: Error | undefined
  #restoring: NodeJS.Timeout | undefined
  #stands = false
  #toldUp = false
  #closed = false

  constructor(side: Side, hub: MemoryHub, receiver: () => Receiver | undefined) {
    this.side = side
    this.#hub = hub
    this.#receiver = receiver
  }

  /** From the first call on, but for interruptions. */
  get stands(): boolean {
    return this.#stands
  }

  /** Settles with what the action gives, which never runs inside this call. */
  call<T>(patienceMs: number, action: () => T): Promise<T> {
    if (this.#closed) return Promise.reject(closedError())
    this.#hub.open(this)
    return new Promise((resolve, reject) => {
      const act = (): void => {
        resolve(action())
      }
      const call: Call = { patience: patienceMs, act, reject, arrived: false }
      this.#calls.add(call)
      if (this.#broken) this.#bound(call, this.#broken)
      if (this.#broken && patienceMs === Infinity) after(0, () => this.#complain())
      call.travel = after(this.#hub.latency, () => {
        call.arrived = true
        this.#proceed()
      })
    })
  }

  break(cause: Error): void {
    this.#broken = cause
    this.#stands = false
    clearTimeout(this.#restoring)
    for (const call of this.#calls) this.#bound(call, cause)
    if (this.#toldUp) this.#tell(false, cause)
  }

  restore(): void {
    const cause = this.#broken
    this.#restoring = after(this.#hub.latency, () => {
      if (this.#closed || this.#broken !== cause) return
      this.#broken = undefined
      this.#stands = true
      this.#proceed()
      // When those have had their reactions whose call has settled by that (contract 1).
      after(0, () => {
        if (this.#stands && !this.#toldUp) this.#tell(true)
      })
    })
  }

  close(): void {
    this.#closed = true
    this.#stands = false
    clearTimeout(this.#restoring)
    for (const call of this.#calls) this.#refuse(call, closedError())
    this.#hub.drop(this)
  }

  #proceed(): void {
    for (const call of this.#calls) {
      if (!call.arrived) return
      if (!this.#stands && !this.#broken) {
        this.#stands = true
        this.#tell(true)
      }
      // Who was told may have ended it.
      if (!this.#stands) return
      this.#remove(call)
      call.act()
    }
  }

  #bound(call: Call, cause: Error): void {
    const refuse = (): void => {
      const message = `not sent within ${call.patience} ms: the hub was disconnected`
      this.#refuse(call, new ConnectionError(message, { cause }))
    }
    if (call.patience === 0) refuse()
    else if (call.patience < Infinity) call.limit ??= setTimeout(refuse, call.patience)
  }

  #complain(): void {
    if (this.#broken && !this.#closed) this.#receiver()?.error(this.side, this.#broken)
  }

  #refuse(call: Call, error: Error): void {
    if (this.#remove(call)) call.reject(error)
  }

  /** False if it has left already: fake timers do not clear a real one, nor the other way round. */
  #remove(call: Call): boolean {
    clearTimeout(call.travel)
    clearTimeout(call.limit)
    return this.#calls.delete(call)
  }

  #tell(up: boolean, cause?: Error): void {
    this.#toldUp = up
    this.#receiver()?.state(this.side, up, cause)
  }
}

function closedError(): ClosedError {
  return new ClosedError('this MemoryTransport is closed: make a new one')
}
