import { performance } from 'node:perf_hooks'
import type { Life } from './heartbeat'
import { Timer } from './timing'
import { byArrival, isSuspect, nextGroup, notBehindSuspects, OVERHEAD, POISON } from './unsettled'
import type { Overfull, UnansweredHost, UnansweredLimits, Unsettled } from './unsettled'

/** What is unanswered for so many ms, without a byte heard, is a sign that the other end is frozen. */
const STALL = 2_000

/** How often it looks, in ms, and in a `publishTimeout`. */
const LONGEST_LOOK = 250
const LOOKS = 16

const FIRST_PAUSE = 50
const LONGEST_PAUSE = 1_000

/**
 * The table of what is not answered yet: each entry has its own deadline, there is one timer for
 * all, and what a lost connection owed is sent again on the next one. It decides what is written
 * when; how, is its host's affair.
 */
export class Unanswered<E extends Unsettled> {
  readonly #limits: UnansweredLimits
  readonly #host: UnansweredHost<E>
  readonly #interval: number
  /** In any order. No Set, whose tables would keep alive what was in them (docs/decisions/0009). */
  readonly #entries: E[] = []
  #emits = 0
  #bytes = 0
  #turn = 0
  /** None is due before. */
  #nextDue = Infinity
  readonly #timer = new Timer(() => this.#look())

  /** Of the connection that stands. */
  #life: Life | undefined
  #count = 0
  #heardAt = 0
  #doubted = false
  /** How many are out on it. */
  #out = 0
  /** How many emits there were when it was found to say nothing. */
  #stalledAt: number | undefined

  /** While there are suspects among what a lost connection owed. */
  #recovering = false
  #group = 1
  #alone: E | undefined
  #freeWent = false

  /** While the broker refuses for now. */
  #refusals = 0
  readonly #pause = new Timer(() => this.#resume())

  constructor(limits: UnansweredLimits, host: UnansweredHost<E>) {
    this.#limits = limits
    this.#host = host
    this.#interval = Math.max(1, Math.min(LONGEST_LOOK, Math.round(limits.publishTimeout / LOOKS)))
  }

  /** Whether nothing is unanswered. */
  get isEmpty(): boolean {
    return this.#entries.length === 0
  }

  /** How many emits have not settled. */
  get size(): number {
    return this.#emits
  }

  /** Whether one more emit of so many bytes has room: asked before it is added. */
  overfull(bytes: number): Overfull | undefined {
    const { maxQueued, maxUnanswered } = this.#limits
    if (this.#bytes + bytes + OVERHEAD > maxUnanswered && this.#emits > 0) return 'bytes'
    if (!this.#life || this.#pause.armed) return this.#emits >= maxQueued ? 'queued' : undefined
    if (this.#stalledAt === undefined || this.#emits < this.#stalledAt + maxQueued) return undefined
    return this.#life.count === this.#count ? 'silent' : undefined
  }

  /** Takes an entry in; its time begins. */
  add(entry: E): void {
    this.renew(entry)
    entry.turn = this.#turn++
    if (!this.#timer.armed) this.#timer.arm(this.#interval, true)
    else if (this.#entries.length === 0) this.#timer.hold(true)
    entry.slot = this.#entries.length
    this.#entries.push(entry)
    this.#emits += entry.emits
    this.#bytes += entry.bytes + OVERHEAD
  }

  /** Gives it its time from now on: what it took last must not pay for a long tick. */
  renew(entry: E): void {
    entry.due = performance.now() + this.#limits.publishTimeout
    if (entry.due < this.#nextDue) this.#nextDue = entry.due
  }

  /** Something has joined an entry or, with negative numbers, has settled alone. */
  grow(entry: E, emits: number, bytes: number): void {
    entry.emits += emits
    entry.bytes += bytes
    if (entry.slot === -1) return
    this.#emits += emits
    this.#bytes += bytes
  }

  /** Whether it has not settled. */
  has(entry: E): boolean {
    return entry.slot !== -1
  }

  /** In the order of arrival. */
  all(): E[] {
    return [...this.#entries].sort(byArrival)
  }

  /** Writes what has been added, unless it has to wait for something: then it goes by itself later. */
  send(entries: readonly E[]): void {
    if (!this.#life || this.#recovering || this.#pause.armed) return
    this.#handOver(entries.filter((entry) => entry.slot !== -1 && !entry.isOut))
  }

  /** It is answered. False if it has settled before. */
  settle(entry: E): boolean {
    if (entry.slot === -1) return false
    this.#refusals = 0
    this.#remove(entry)
    if (this.#entries.length === 0) this.#timer.hold(false)
    this.#advance()
    return true
  }

  /** The broker refuses it for now: all that is not out waits a moment, and then goes in the order of arrival. */
  postpone(entry: E, reason: string): void {
    if (entry.slot === -1 || !entry.isOut) return
    this.#comeBack(entry)
    entry.written = entry.losses > 0
    entry.refusal = reason
    if (this.#pause.armed) return
    const ceiling = Math.min(FIRST_PAUSE * 2 ** this.#refusals++, LONGEST_PAUSE)
    this.#pause.arm(Math.round(ceiling * (0.5 + Math.random() / 2)), false)
  }

  /** A connection stands: what is held goes, in the order of arrival. */
  up(life: Life): void {
    this.#life = life
    this.#count = life.count
    this.#heardAt = performance.now()
    this.#recovering = this.#entries.some(isSuspect)
    this.#group = 1
    this.#freeWent = false
    this.#resume()
  }

  /** The connection is lost. */
  down(): void {
    this.#life = undefined
    this.#stalledAt = undefined
    this.#pause.clear()
    this.#refusals = 0
    const alone = this.#alone
    for (const entry of this.#entries) {
      if (entry.isOut && entry.written) entry.losses++
      this.#comeBack(entry)
    }
    if (!alone || alone.slot === -1 || ++alone.lossesAlone < POISON) return
    this.#remove(alone)
    this.#host.poisoned(alone)
  }

  /** Empties it. */
  takeAll(): E[] {
    const all = this.all()
    for (const entry of all) this.#remove(entry)
    this.#timer.clear()
    this.#pause.clear()
    return all
  }

  #handOver(entries: readonly E[]): void {
    if (entries.length === 0) return
    const now = performance.now()
    for (const entry of entries) {
      entry.isOut = true
      entry.written = true
      entry.writtenAt = now
    }
    this.#out += entries.length
    this.#host.write(entries)
  }

  #resume(): void {
    this.#pause.clear()
    if (!this.#life) return
    if (this.#recovering) this.#advance()
    else this.#handOver(this.#held())
  }

  #held(): E[] {
    return this.all().filter((entry) => !entry.isOut && !entry.open)
  }

  /**
   * While there are suspects, nothing is out together with one but other suspects. What is not
   * suspected goes first, except behind a suspect of its lane. Then go the suspects, one, then two,
   * then four as long as nothing happens; those that were alone when a connection was lost come last.
   */
  #advance(): void {
    if (!this.#recovering || !this.#life || this.#out > 0 || this.#pause.armed) return
    const held = this.#held()
    const suspects = held.filter(isSuspect)
    if (suspects.length === 0) {
      this.#recovering = false
      this.#handOver(held)
      return
    }
    const free = this.#freeWent ? [] : notBehindSuspects(held)
    this.#freeWent = free.length > 0
    if (free.length > 0) {
      this.#handOver(free)
      return
    }
    const group = nextGroup(suspects, this.#group)
    this.#group *= 2
    this.#alone = group.length === 1 ? group[0] : undefined
    this.#handOver(group)
  }

  #comeBack(entry: E): void {
    if (entry.isOut) this.#out--
    entry.isOut = false
    if (entry === this.#alone) this.#alone = undefined
  }

  #remove(entry: E): void {
    this.#comeBack(entry)
    this.#emits -= entry.emits
    this.#bytes -= entry.bytes + OVERHEAD
    const last = this.#entries.pop()
    if (last && last !== entry) {
      this.#entries[entry.slot] = last
      last.slot = entry.slot
    }
    entry.slot = -1
  }

  #look(): void {
    // A timer may fire a fraction of a millisecond early by this clock.
    const now = performance.now() + 1
    const due = now >= this.#nextDue ? this.#takeDue(now) : []
    const silence = this.#listen(now)
    if (this.#entries.length > 0) this.#timer.arm(Math.max(1, Math.min(this.#interval, this.#nextDue - now + 1)), true)
    if (due.length > 0) this.#host.expired(due)
    const { publishTimeout } = this.#limits
    if (silence >= publishTimeout / 2) {
      this.#host.silent()
      return
    }
    if (silence < publishTimeout / 4) this.#doubted = false
    else if (!this.#doubted) {
      this.#doubted = true
      this.#host.doubt?.()
    }
    this.#advance()
  }

  #takeDue(now: number): E[] {
    const due: E[] = []
    this.#nextDue = Infinity
    for (const entry of this.#entries)
      if (entry.due <= now && !entry.open) due.push(entry)
      else if (entry.due < this.#nextDue) this.#nextDue = entry.due
    due.sort(byArrival)
    for (const entry of due) this.#remove(entry)
    return due
  }

  /** For how long nothing was heard on the connection that stands, in ms. */
  quietFor(now = performance.now()): number {
    if (!this.#life) return 0
    const { count } = this.#life
    if (count !== this.#count) {
      this.#count = count
      this.#heardAt = now
      this.#stalledAt = undefined
    }
    return now - this.#heardAt
  }

  /** For how long something is out and nothing was heard, in ms. */
  #listen(now: number): number {
    if (!this.#life) return 0
    let oldest = Infinity
    for (const { isOut, writtenAt } of this.#entries) if (isOut && writtenAt < oldest) oldest = writtenAt
    const silence = Math.min(this.quietFor(now), now - oldest)
    if (silence >= STALL) this.#stalledAt ??= this.#emits
    return silence
  }
}
