import { setTimeout as delay } from 'node:timers/promises'
import { RemoteError, TimeoutError, type ServerEvents } from 'server-events'
import { payload, type Complaints } from './complaints'

/** An emit that rejected is tried again this much later, in ms, doubled each time up to the longest. */
const again = 50
const longest = 1_000
/** Emits under way: a worker that could have any number would drown in those that reject. */
const most = 2_000

interface Job {
  readonly id: number
  /** When an emit of it resolved. */
  acceptedAt: number | undefined
}

/** Keeps so many kept waits pending for as long as it runs, in memory that does not grow: each that settles is replaced. */
export class Flow {
  started = 0
  emitted = 0
  lost = 0
  /** Their emits did not get through in time. */
  timedOut = 0
  wrong = 0
  readonly #queue: Job[] = []
  #open = true
  #stop: AbortSignal | undefined
  #underWay = 0

  constructor(
    readonly waiting: ServerEvents,
    readonly emitters: readonly ServerEvents[],
    readonly complaints: Complaints,
    readonly random: () => number,
    /** How long waits last, in ms. */
    readonly patience: number,
  ) {}

  /** `pending` waits, each of which lasts about `life` ms, until `enough`; then all that is left settles, unless `stop`. */
  async run(pending: number, life: number, enough: AbortSignal, stop: AbortSignal): Promise<void> {
    this.#stop = stop
    for (let i = 0; i < pending; i++) this.#start()
    const start = performance.now()
    let taken = 0
    while ((this.waiting.stats().pending > 0 || this.#underWay > 0) && !stop.aborted) {
      this.#open = !enough.aborted
      const due = Math.floor(((performance.now() - start) * pending) / life)
      for (; taken < due && this.#queue.length > 0 && this.#underWay < most; taken++) {
        void this.#deliver(this.#queue.shift() as Job)
      }
      await delay(5)
    }
  }

  #start(): void {
    const job: Job = { id: this.started++, acceptedAt: undefined }
    // Some events come before their wait.
    if (this.random() < 0.05) void this.#deliver(job).then(() => this.#wait(job))
    else {
      this.#queue.push(job)
      void this.#wait(job)
    }
  }

  async #wait(job: Job): Promise<void> {
    const lastLook = performance.now() + 0.9 * this.patience
    try {
      const [secret, id] = (await this.waiting.on('job', job.id, this.patience)) as unknown[]
      if (secret !== payload || id !== job.id || fails(job)) this.wrong++
    } catch (error) {
      if (!(error instanceof TimeoutError)) this.wrong += error instanceof RemoteError && fails(job) ? 0 : 1
      else if (job.acceptedAt !== undefined && job.acceptedAt < lastLook) this.lost++
      else this.timedOut++
    }
    // A closed instance rejects at once: it would never end.
    if (this.#open && this.#stop?.aborted !== true) this.#start()
  }

  async #deliver(job: Job): Promise<void> {
    this.#underWay++
    for (let attempt = 0; job.acceptedAt === undefined && this.#stop?.aborted === false; attempt++) {
      const emitter = this.emitters[(job.id + attempt) % this.emitters.length] as ServerEvents
      try {
        if (fails(job)) await emitter.fail('job', job.id, new Error('no'))
        else await emitter.emit('job', job.id, payload, job.id)
        job.acceptedAt = performance.now()
        this.emitted++
      } catch (error) {
        this.complaints.add(error)
        await delay(Math.min(again * 2 ** attempt, longest))
      }
    }
    this.#underWay--
  }
}

/** A failure is kept like an event. */
function fails({ id }: { readonly id: number }): boolean {
  return id % 50 === 7
}
