import type { Args } from '../event-map'
import type { EventStream } from './event-stream'
import { given, rejectAtCaller } from '../base/reject-at-caller'

type Result = IteratorResult<Args, undefined>

interface Call {
  readonly promise: Promise<Result>
  readonly resolve: (result: Result | Promise<Result>) => void
}

/** The reader's side of a stream: what has arrived and is unread, and the calls that wait for more. */
export class Reader implements EventStream<Args> {
  readonly ready: Promise<void>
  /** Settles `ready`; undefined when that is done. */
  #stood: (() => void) | undefined
  readonly #stop: () => void
  #unread: (Args | undefined)[] = []
  /** Where in it the next one is: to shift a long array is to move it. */
  #head = 0
  #calls: Call[] = []
  #open = true
  /** What ended it, until it was told. */
  #error: (() => unknown) | undefined

  /** `stop` is called when the reader wants no more. */
  constructor(stop: () => void) {
    this.#stop = stop
    this.ready = new Promise((resolve) => {
      this.#stood = resolve
    })
  }

  next(): Promise<Result> {
    if (this.unread > 0) return Promise.resolve({ value: this.#shift(), done: false })
    const call = newCall()
    if (this.#open) this.#calls.push(call)
    else this.#finish(call)
    return call.promise
  }

  return(): Promise<Result> {
    this.#stop()
    this.end(undefined, true)
    return Promise.resolve({ value: undefined, done: true })
  }

  [Symbol.asyncIterator](): this {
    return this
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.return()
  }

  /** @internal How many events have arrived that nobody asked for yet. */
  get unread(): number {
    return this.#unread.length - this.#head
  }

  /** @internal */
  stood(): void {
    this.#stood?.()
    this.#stood = undefined
  }

  /** @internal */
  push(args: Args): void {
    const call = this.#calls.shift()
    if (call === undefined) this.#unread.push(args)
    else call.resolve({ value: args, done: false })
  }

  /** @internal Without an error it just ends. `dropped`: what is unread is not wanted either. */
  end(makeError: (() => unknown) | undefined, dropped: boolean): void {
    if (dropped) {
      this.#unread = []
      this.#head = 0
      this.#error = undefined
    }
    if (!this.#open) return
    this.#open = false
    this.#error = makeError
    if (makeError === undefined) this.stood()
    else if (this.#stood !== undefined) rejectAtCaller(this.ready, this.#stood, makeError)
    for (const call of this.#calls.splice(0)) this.#finish(call)
  }

  /** The first to ask after the end gets the error, as with a generator that threw. */
  #finish({ promise, resolve }: Call): void {
    const makeError = this.#error
    this.#error = undefined
    if (makeError === undefined) resolve({ value: undefined, done: true })
    else rejectAtCaller(promise, resolve, makeError)
  }

  #shift(): Args {
    const args = this.#unread[this.#head] as Args
    this.#unread[this.#head++] = undefined
    if (this.#head * 2 >= this.#unread.length) {
      this.#unread = this.#unread.slice(this.#head)
      this.#head = 0
    }
    return args
  }
}

/** A stream that was refused when it was asked for. */
export function refusedReader(error: unknown): Reader {
  const reader = new Reader(() => {})
  reader.end(() => given(error), false)
  return reader
}

function newCall(): Call {
  let resolve!: Call['resolve']
  const promise = new Promise<Result>((settle) => {
    resolve = settle
  })
  return { promise, resolve }
}
