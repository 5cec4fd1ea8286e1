import { setTimeout as delay } from 'node:timers/promises'
import { RemoteError, TimeoutError, type ServerEvents } from 'server-events'
import { payload, type Complaints } from './complaints'
import { keep } from './options'

/** An emit that rejected is tried again this much later, in ms. */
const again = 50

interface Job {
  readonly id: number
  accepted: boolean
}

/** Keeps so many kept waits pending for as long as it runs, in memory that does not grow: each that settles is replaced. */
export class Flow {
  started = 0
  emitted = 0
  lost = 0
  timedOut = 0
  wrong = 0
  readonly #queue: Job[] = []
  #open = true

  constructor(
    readonly waiting: ServerEvents,
    readonly emitters: readonly ServerEvents[],
    readonly complaints: Complaints,
    readonly random: () => number,
    /** How long waits last, in ms. */
    readonly patience: number,
  ) {}

  /** `pending` waits, each of which lasts about `life` ms, until `signal`; then all that is left settles. */
  async run(pending: number, life: number, signal: AbortSignal): Promise<void> {
    for (let i = 0; i < pending; i++) this.#start()
    const start = performance.now()
    let taken = 0
    while (this.#queue.length > 0) {
      this.#open = !signal.aborted
      const due = Math.floor(((performance.now() - start) * pending) / life)
      for (; taken < due && this.#queue.length > 0; taken++) void this.#deliver(this.#queue.shift() as Job)
      await delay(5)
    }
    while (this.waiting.stats().pending > 0) await delay(20)
  }

  #start(): void {
    const job: Job = { id: this.started++, accepted: false }
    // Some events come before their wait.
    if (this.random() < 0.05) void this.#deliver(job).then(() => this.#wait(job))
    else {
      this.#queue.push(job)
      void this.#wait(job)
    }
  }

  async #wait(job: Job): Promise<void> {
    try {
      const [secret, id] = (await this.waiting.on('job', job.id, this.patience)) as unknown[]
      if (secret !== payload || id !== job.id || fails(job)) this.wrong++
    } catch (error) {
      if (error instanceof TimeoutError && job.accepted) this.lost++
      else if (error instanceof TimeoutError) this.timedOut++
      else if (!(error instanceof RemoteError && fails(job))) this.wrong++
    }
    if (this.#open) this.#start()
  }

  async #deliver(job: Job): Promise<void> {
    for (let attempt = 0; ; attempt++) {
      const emitter = this.emitters[(job.id + attempt) % this.emitters.length] as ServerEvents
      try {
        if (fails(job)) await emitter.fail('job', job.id, new Error('no'))
        else await emitter.emit('job', job.id, payload, job.id)
        job.accepted = true
        this.emitted++
        return
      } catch (error) {
        this.complaints.add(error)
        if (attempt > keep / again) return
        await delay(again)
      }
    }
  }
}

/** A failure is kept like an event. */
function fails({ id }: { readonly id: number }): boolean {
  return id % 50 === 7
}
