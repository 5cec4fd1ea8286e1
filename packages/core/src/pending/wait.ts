import { rejectAtCaller } from '../base/reject-at-caller'
import type { Args } from '../event-map'
import type { Outcome, StreamOutcome } from '../observe/stats'
import { Pending, type Named } from './pending'

/** One pending `on`. It keeps no `reject` of its promise: see base/reject-at-caller.ts. */
export class Wait<E extends Named = Named> extends Pending<E> {
  readonly promise: Promise<Args>
  resolve!: (args: Args) => void

  constructor(entry: E, id: string, timeout: number, now: number, recalls: boolean) {
    super(entry, id, timeout, now, recalls)
    this.promise = new Promise((resolve) => {
      this.resolve = resolve
    })
  }

  reject(makeError: () => unknown, _outcome?: Outcome | StreamOutcome): void {
    rejectAtCaller(this.promise, this.resolve, makeError)
  }
}
