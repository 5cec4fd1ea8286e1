import { randomUUID } from 'node:crypto'
import { ConnectionError, SerializationError } from 'server-events'
import type { Message, Topic } from 'server-events'
import { decodeEvent, TransientRefusal, withTimeout } from 'server-events/transport-kit'
import type { LinkEvents } from 'server-events/transport-kit'
import { answer, pooled } from '../errors'
import { Batcher } from '../session/batcher'
import type { Session } from '../session/session'
import { Assembly } from '../wire/frames'
import { addressOf } from '../wire/names'
import type { Channels } from '../wire/names'

/** How often it is looked how full the queue of notifications is, in ms, and from when on that is told. */
const LOOK = 30_000
const FULL = 0.25

/** How long a notification may be on its way where nothing is lost, in ms, and how often the server is asked after it. */
const ON_ITS_WAY = 100
const ASKED = 5

interface Command {
  readonly sql: string
  readonly resolve: () => void
  readonly reject: (error: Error) => void
}

/** What listening asks of who made the connection. */
export interface ListeningHost {
  warn(error: ConnectionError): void
  another(): Promise<Session>
}

/** LISTEN, and what comes of it, over one connection. */
export class Listening {
  readonly #session: Session
  readonly #place: string
  readonly #channels: Channels
  readonly #events: LinkEvents
  readonly #host: ListeningHost
  readonly #assembly = new Assembly()
  /** Nobody else's: what is said there comes back to this connection. */
  readonly #own = `se-${randomUUID()}`
  #awaited: { readonly nonce: string; readonly heard: () => void } | undefined
  #ready: Promise<void> | undefined
  #heard = 0
  #isFull = false
  #looking: NodeJS.Timeout | undefined
  readonly #commands = new Batcher<Command>(
    { count: 1_000, size: Infinity },
    () => 1,
    (batch) => this.#run(batch),
  )

  constructor(session: Session, place: string, channels: Channels, events: LinkEvents, host: ListeningHost) {
    this.#session = session
    this.#place = place
    this.#channels = channels
    this.#events = events
    this.#host = host
    session.onNotification((...notification) => this.#hear(...notification))
  }

  /** Somebody has subscribed. */
  get used(): boolean {
    return this.#ready !== undefined
  }

  /** A number that grows with what is heard. */
  get heard(): number {
    return this.#heard
  }

  async subscribe(topic: Topic): Promise<void> {
    await this.#prepared()
    await this.#command(`LISTEN "${this.#channelOf(topic)}"`)
  }

  async unsubscribe(topic: Topic): Promise<void> {
    await this.#ready
    await this.#command(`UNLISTEN "${this.#channelOf(topic)}"`)
  }

  #channelOf({ name, home }: Topic): string {
    return home === undefined ? this.#channels.of(name) : this.#channels.ofHome(name, home)
  }

  /** Resolves when what it says to itself has come back. */
  async ping(): Promise<void> {
    await this.#ready
    const back = this.#await()
    await this.#look(back.nonce)
    await back.heard
  }

  close(): void {
    clearInterval(this.#looking)
  }

  /** Once; what was refused for now is asked for again. */
  #prepared(): Promise<void> {
    if (this.#ready) return this.#ready
    const ready = this.#prepare()
    this.#ready = ready
    ready.catch((error: unknown) => {
      if (error instanceof TransientRefusal && this.#ready === ready) this.#ready = undefined
    })
    return ready
  }

  /** Rejects with UnsupportedError if LISTEN is lost here. */
  async #prepare(): Promise<void> {
    try {
      const [row] = await this.#session.query(`LISTEN "${this.#own}"; SELECT pg_backend_pid() AS pid`)
      // What greeted us is not what answers: a pooler is between.
      if (row?.['pid'] !== this.#session.processId && !(await this.#hearsOthers())) throw pooled(this.#place)
    } catch (error) {
      throw answer(error, this.#place)
    }
    this.#looking = setInterval(() => void this.#look().catch(ignore), LOOK).unref()
  }

  /**
   * Whether it hears what another connection says. Who gets a connection of the server for one
   * transaction may hear itself, if it gets the same one again, but nobody else.
   */
  async #hearsOthers(): Promise<boolean> {
    const back = this.#await()
    const other = await this.#host.another()
    try {
      await other.query('SELECT pg_notify($1, $2)', [this.#own, back.nonce])
    } finally {
      await other.close().catch(ignore)
    }
    for (let asked = 0; asked < ASKED; asked++) {
      const isHeard = back.heard.then(() => true)
      const late = withTimeout(ON_ITS_WAY, isHeard, () => new Error('not yet')).catch(() => false)
      if (await late) return true
      // An answer comes behind what the server had to say before.
      await this.#session.query('SELECT 1')
    }
    return false
  }

  #await(): { readonly nonce: string; readonly heard: Promise<void> } {
    const nonce = randomUUID()
    return { nonce, heard: new Promise((heard) => (this.#awaited = { nonce, heard })) }
  }

  /** Says the nonce to itself, if there is one. */
  async #look(nonce?: string): Promise<void> {
    const say = nonce === undefined ? '' : `, pg_notify('${this.#own}', '${nonce}')`
    const [row] = await this.#session.query(`SELECT pg_notification_queue_usage() AS usage${say}`)
    const usage = Number(row?.['usage'])
    const isFull = usage >= FULL
    if (isFull && !this.#isFull) {
      const percent = Math.round(usage * 100)
      this.#host.warn(
        new ConnectionError(
          `the queue of notifications of postgres at ${this.#place} is full to ${percent} %: a session that listens ` +
            'inside a transaction it has left open holds it up; at 100 % nobody can emit (see pg_stat_activity)',
        ),
      )
    }
    this.#isFull = isFull
  }

  #command(sql: string): Promise<void> {
    return new Promise((resolve, reject) => this.#commands.add({ sql, resolve, reject }))
  }

  async #run(batch: readonly Command[]): Promise<void> {
    try {
      await this.#session.query(batch.map(({ sql }) => sql).join(';'))
      for (const { resolve } of batch) resolve()
    } catch (error) {
      for (const { reject } of batch) reject(answer(error, this.#place))
    }
  }

  #hear(channel: string, payload: string, processId: number): void {
    this.#heard += payload.length
    if (channel === this.#own) {
      if (this.#awaited?.nonce === payload) this.#awaited.heard()
      return
    }
    try {
      this.#tell(this.#assembly.add(processId, payload))
    } catch (error) {
      this.#events.unreadable(error as Error)
    }
  }

  /** What cannot be read is told once, however much of it there is in one notification. */
  #tell(texts: readonly string[]): void {
    let isReadable = true
    for (const text of texts) {
      const address = addressOf(text)
      const read = (): Message | undefined => {
        const message = readable(text)
        isReadable &&= message !== undefined
        return message
      }
      if (address) this.#events.message(address, read)
      else isReadable = false
    }
    if (!isReadable) throw new SerializationError('a message was dropped: it cannot be read')
  }
}

function readable(text: string): Message | undefined {
  try {
    return decodeEvent(text).message
  } catch {
    return undefined
  }
}

function ignore(): void {
  // Whoever asked has heard of it.
}
