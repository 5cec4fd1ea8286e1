import { ConnectionError, ForbiddenError, SerializationError, UnsupportedError } from '../errors'
import { homeOf } from '../home'
import { quoted } from '../text'
import type { EventKey, Message, Transport } from '../transport'
import type { ResolvedWanted } from '../options'
import { fromTransport } from '../transport-errors'
import { Ids } from '../base/ids'
import { noop } from '../base/reject-at-caller'
import type { ConnectionHealth } from '../observe/connection-health'
import type { Reports } from '../observe/reports'
import type { Outcome, StreamOutcome } from '../observe/stats'
import type { NamePending } from '../registry/name'
import type { Subscription } from '../registry/subscription'
import type { Subscriptions } from '../registry/subscriptions'
import type { Waits } from '../waits/waits'
import { Asking, type AskingHost } from './asking'
import { Post } from './post'
import type { Wanted } from './wanted'

/*
 * Who asks has a home of its own under one name, and each `wanted` an id in it: there it is answered.
 *
 *     question  to the event that it is about      body = the id for the answer
 *     answer    to ANSWERS_NAME and that id         body = "waits" | "ended" | "echo " number
 *
 * "waits" says that somebody waits; "ended" that one who did does so no more, without an outcome. An
 * echo is what who asks sends to itself.
 */

/** The name that answers have: not one of an event, so that access rules can tell them apart. */
export const ANSWERS_NAME = '_answers'

const replyForm = /^[\w-]{22}~[\w-]{11}$/

/** So many answers wait for their turn: whoever asks more at once is not answered. */
const MOST_WAITING = 16_384
/** So many are told of the end of one event's waits, and of so many events: others find out when they ask next. */
const MOST_ASKERS = 8
const MOST_ASKED = 16_384

const hasOutcome: ReadonlySet<Outcome | StreamOutcome> = new Set([
  'event',
  'recall',
  'restored',
  'backstop',
  'failure',
  'until',
])

export interface QuestionsHost {
  readonly reports: Reports
  readonly subscriptions: Subscriptions
  readonly waits: Waits
  readonly outputStore: ConnectionHealth
}

/** What is neither an event nor a failure: questions whether anybody waits, and their answers. Both sides of it. */
export class Questions {
  readonly #transport: Transport
  readonly #host: QuestionsHost
  readonly #post: Post

  /** Those that ask, by the id that they are answered by. */
  readonly #askings = new Map<string, Asking>()
  #ids: Ids | undefined
  /** While anybody asks. */
  #answers: Subscription | undefined
  /** What is not known was told, and nothing has been known since. */
  #doubting = false

  /** Who has asked for an event that somebody waits for. */
  readonly #askers = new Map<string, Set<string>>()
  readonly #ended = (item: NamePending, outcome: Outcome | StreamOutcome): void => {
    this.#tell(item, outcome)
  }

  constructor(transport: Transport, host: QuestionsHost) {
    this.#transport = transport
    this.#host = host
    this.#post = new Post(transport)
  }

  /** Throws UnsupportedError where the transport carries no questions. */
  ask(key: EventKey, options: ResolvedWanted): Wanted {
    if (this.#transport.questions !== true)
      throw new UnsupportedError('wanted needs a transport that carries questions, and this one does not')
    this.#ids ??= new Ids(true)
    const asking = new Asking(key, this.#ids.create(), options, this.#askingHost)
    if (this.#answers === undefined) {
      this.#answers = this.#host.subscriptions.home(ANSWERS_NAME, this.#ids.suffix)
      this.#answers.acquire()
    }
    this.#askings.set(asking.reply, asking)
    this.#answers.ensure()
    asking.begin(this.#answers.standing())
    return asking
  }

  /** Whether an answer with this id is for somebody here. */
  wants(id: string): boolean {
    return this.#askings.has(id)
  }

  /** A message of any other kind than an event or a failure. */
  heard(key: EventKey, message: Message): void {
    switch (message.kind) {
      case 'question':
        this.#question(key, message.body)
        break
      case 'answer':
        if (key.name === ANSWERS_NAME) this.#answer(this.#askings.get(key.id), message.body)
        break
      default:
        this.#host.reports.once('kind', key.name, 'outputStore', () => new UnsupportedError(isOfLaterKind(key)))
    }
  }

  /** Nobody here asks any more. Resolves when what has been said is sent; `undefined` if it is. */
  end(): Promise<void> | undefined {
    for (const asking of [...this.#askings.values()]) asking.close()
    this.#askers.clear()
    this.#host.waits.whenOneEnds = undefined
    return this.#post.isEmpty ? undefined : this.#post.empty()
  }

  // Who asks

  readonly #askingHost: AskingHost = {
    hearing: () => {
      const { outputStore } = this.#host
      if (this.#answers?.state !== 'standing' || outputStore.state === 'down') return undefined
      return outputStore.stats().interruptions
    },
    question: ({ key, reply }) => this.#post.send(key, { kind: 'question', body: reply }),
    echo: ({ reply }, number) => this.#say(reply, `echo ${number}`),
    doubted: (asking, error) => {
      this.#doubt(asking, error)
    },
    ended: ({ reply }) => {
      this.#askings.delete(reply)
      if (this.#askings.size > 0) return
      this.#answers?.release()
      this.#answers = undefined
    },
  }

  #answer(asking: Asking | undefined, body: Message['body']): void {
    if (asking === undefined || typeof body !== 'string') return
    this.#doubting = false
    if (body === 'waits') asking.answered()
    else if (body === 'ended') asking.told()
    else if (body.startsWith('echo ')) asking.echoed(Number(body.slice(5)))
  }

  /** Once, however many ask. That this side is away is told already. */
  #doubt({ key }: Asking, error: unknown): void {
    const isAway = error === undefined && this.#askingHost.hearing() === undefined
    if (isAway || this.#doubting) return
    this.#doubting = true
    const told = error === undefined ? new ConnectionError(isDeaf(key)) : fromTransport(error)
    this.#host.reports.error('inputStore', told, key)
  }

  // Who waits

  #question(key: EventKey, reply: Message['body']): void {
    const { reports, subscriptions, waits } = this.#host
    if (typeof reply !== 'string' || !replyForm.test(reply) || homeOf(reply) === undefined) {
      reports.once('question', key.name, 'outputStore', () => new SerializationError(isUnreadable(key)))
      return
    }
    const entry = subscriptions.find(key.name)
    if (entry === undefined || !(entry.waits.has(key.id) || entry.streams.has(key.id))) return
    if (this.#post.waiting >= MOST_WAITING) return
    this.#remember(key, reply)
    waits.whenOneEnds = this.#ended
    this.#say(reply, 'waits').catch((error: unknown) => {
      const refusal = fromTransport(error)
      // The others pass, and who asks does so again.
      if (refusal instanceof ForbiddenError) reports.once('answer', key.name, 'inputStore', () => refusal, key)
    })
  }

  #remember(key: EventKey, reply: string): void {
    const at = textOf(key)
    const askers = this.#askers.get(at)
    if (askers === undefined) {
      if (this.#askers.size < MOST_ASKED) this.#askers.set(at, new Set([reply]))
    } else if (askers.size < MOST_ASKERS) askers.add(reply)
  }

  /** One has ended: if it was the last, nobody here is asked for any more. */
  #tell({ entry, id }: NamePending, outcome: Outcome | StreamOutcome): void {
    const at = textOf({ name: entry.name, id })
    const askers = this.#askers.get(at)
    if (askers === undefined || entry.waits.has(id) || entry.streams.has(id)) return
    this.#askers.delete(at)
    if (this.#askers.size === 0) this.#host.waits.whenOneEnds = undefined
    if (hasOutcome.has(outcome) || this.#post.waiting >= MOST_WAITING) return
    for (const reply of askers) this.#say(reply, 'ended').catch(noop)
  }

  #say(reply: string, body: string): Promise<void> {
    return this.#post.send({ name: ANSWERS_NAME, id: reply }, { kind: 'answer', body })
  }
}

function textOf({ name, id }: EventKey): string {
  return `${name.length}:${name}${id}`
}

function isOfLaterKind({ name }: EventKey): string {
  return `a message of event ${quoted(name)} was dropped: it is of a kind that only a later version of server-events knows`
}

function isUnreadable({ name }: EventKey): string {
  return `a question about event ${quoted(name)} was dropped: it cannot be read`
}

function isDeaf({ name }: EventKey): string {
  return `whether anybody waits for event ${quoted(name)} is not known: nothing comes back of what is sent to ${quoted(ANSWERS_NAME)}`
}
