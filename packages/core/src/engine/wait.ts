import type { Args } from '../contract'
import type { Name } from './names'
import { Pending } from './pending'
import { rejectAtCaller } from './rejection'

/** One pending `on`. There is no `reject` of the promise: see rejection.ts. */
export class Wait extends Pending {
  readonly promise: Promise<Args>
  resolve!: (args: Args) => void

  constructor(name: Name, id: string, timeout: number, now: number, recalls: boolean) {
    super(name, id, timeout, now, recalls)
    this.promise = new Promise((resolve) => {
      this.resolve = resolve
    })
  }

  register(): void {
    this.name.waits.add(this)
  }

  unregister(): void {
    this.name.waits.remove(this)
  }

  reject(makeError: () => unknown): void {
    rejectAtCaller(this.promise, this.resolve, makeError)
  }
}
