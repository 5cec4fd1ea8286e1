import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import type { Diagnostics } from 'server-events'

/** What a channel tells. */
export type Told<N extends keyof Diagnostics> = Diagnostics[N]

/** Subscribes to channels of one instance, or of all, until `close`. */
export class Channels {
  readonly #instance: string | number | undefined
  readonly #closing: (() => void)[] = []

  constructor(instance: string | number | undefined) {
    this.#instance = instance
  }

  on<N extends keyof Diagnostics>(name: N, listener: (told: Diagnostics[N]) => void): void {
    const heard = (message: unknown): void => {
      const told = message as Diagnostics[N]
      if (this.#instance === undefined || told.instance === this.#instance) listener(told)
    }
    subscribe(name, heard)
    this.#closing.push(() => unsubscribe(name, heard))
  }

  close(): void {
    for (const close of this.#closing.splice(0)) close()
  }
}
