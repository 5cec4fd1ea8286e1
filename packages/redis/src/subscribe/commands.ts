import { atEndOfTick, Timer } from 'server-events/transport-kit'
import { isPassing, replyCode } from '../errors'
import type { Connection } from '../client/link'
import type { Route } from '../wire/channels'

/** How many channels or patterns one command names. */
const BATCH = 512

/** How long it takes until what was refused for now is asked for again, in ms: longer each time. */
const FIRST_PAUSE = 50
const LONGEST_PAUSE = 1_000

/** As long as something is heard, an answer may take so many times its time: it may come behind a long event. */
const PATIENCE = 12

/** What the server is asked for. */
export interface Wanted {
  readonly route: Route
  /** Where it was asked for last. */
  askedOn: Connection | undefined
}

/** Who wishes, and is told. */
export interface CommandsHost<W extends Wanted> {
  /** Where commands are written to. */
  current(): Connection | undefined
  /** Whether it is still wished for, and on this connection. */
  isCurrent(wish: W, connection: Connection): boolean
  confirm(wishes: readonly W[]): void
  /** `code` is what the server answered. */
  refuse(wish: W, connection: Connection, code: string): void
  /** There was no answer in time. */
  silent(connection: Connection): void
}

/** Asks the server for subscriptions and gives them up: all of one tick at once, and many in one command. */
export class SubscribeCommands<W extends Wanted> {
  readonly #timeout: number
  readonly #wisher: CommandsHost<W>
  readonly #joining = new Tick<W>((wishes) => this.#joinAll(wishes))
  readonly #leaving = new Tick<Route>((routes) => this.#leaveAll(routes))
  /** Settles what waits for an answer of this connection. */
  readonly #unanswered = new Set<() => void>()

  /** `timeout` in ms, for the server to answer. */
  constructor(timeout: number, wisher: CommandsHost<W>) {
    this.#timeout = timeout
    this.#wisher = wisher
  }

  /** Asks at the end of this tick, if there is a connection then. */
  join(wish: W): void {
    void this.#joining.add(wish)
  }

  /** Gives up at the end of this tick. Resolves when the server has answered, in whatever way, or is lost. */
  leave(route: Route): Promise<void> {
    return this.#leaving.add(route)
  }

  /** The connection is lost: what was asked on it is not answered any more. */
  reset(): void {
    for (const settle of this.#unanswered) settle()
  }

  /** Asks at once. Resolves when the server has answered all, in whatever way; perhaps never, if it is lost. */
  async ask(wishes: readonly W[], connection: Connection): Promise<void> {
    for (const wish of wishes) wish.askedOn = connection
    const batches = batchesOf(wishes, ({ route }) => route)
    await written(connection, batches, (batch) => this.#askBatch(batch, connection))
  }

  async #joinAll(wishes: readonly W[]): Promise<void> {
    const connection = this.#wisher.current()
    if (!connection) return
    const current = wishes.filter((wish) => this.#wisher.isCurrent(wish, connection))
    if (current.length > 0) await this.#answered(connection, this.ask(current, connection))
  }

  async #leaveAll(routes: readonly Route[]): Promise<void> {
    const connection = this.#wisher.current()
    if (!connection || routes.length === 0) return
    const batches = batchesOf(routes, (route) => route)
    await this.#answered(
      connection,
      written(connection, batches, (batch) => this.#leaveBatch(batch, connection)),
    )
  }

  async #askBatch({ kind, items, asked }: Batch<W>, connection: Connection, pause = FIRST_PAUSE): Promise<void> {
    const { client, life } = connection
    const current = (): W[] => items.filter((wish) => this.#wisher.isCurrent(wish, connection))
    try {
      await (kind === 'channel' ? client.subscribe(...asked) : client.psubscribe(...asked))
      this.#wisher.confirm(current())
    } catch (error) {
      const code = replyCode(error)
      // Not an answer: the next connection asks again.
      if (code === undefined) return
      life.heard()
      if (isPassing(code)) {
        await new Promise((resolve) => setTimeout(resolve, pause).unref())
        const batches = batchesOf(current(), ({ route }) => route)
        const longer = Math.min(2 * pause, LONGEST_PAUSE)
        await written(connection, batches, (batch) => this.#askBatch(batch, connection, longer))
        return
      }
      if (items.length === 1) {
        for (const only of current()) this.#wisher.refuse(only, connection, code)
        return
      }
      // The server refuses all for the sake of one, and does not say which.
      const alone = current().map((wish) => batchOf([wish], wish.route))
      await written(connection, alone, (batch) => this.#askBatch(batch, connection))
    }
  }

  async #leaveBatch({ kind, asked }: Batch<Route>, { client }: Connection): Promise<void> {
    await (kind === 'channel' ? client.unsubscribe(...asked) : client.punsubscribe(...asked))
  }

  /** Waits for an answer, whatever it says; without one in time the connection is replaced, which settles it too. */
  #answered(connection: Connection, answer: Promise<unknown>): Promise<void> {
    return new Promise((resolve) => {
      const { life } = connection
      let { count } = life
      let patience = PATIENCE
      const timer = new Timer(() => {
        const before = count
        count = life.count
        if (count !== before && patience-- > 0) timer.arm(this.#timeout, true)
        else this.#wisher.silent(connection)
      })
      const settle = (): void => {
        timer.clear()
        this.#unanswered.delete(settle)
        resolve()
      }
      this.#unanswered.add(settle)
      timer.arm(this.#timeout, true)
      answer.then(settle, settle)
    })
  }
}

/** What is added in one tick, handed over at its end. */
class Tick<T> {
  readonly #handle: (items: readonly T[]) => Promise<void>
  #items: T[] = []
  #done: Promise<void> | undefined

  constructor(handle: (items: readonly T[]) => Promise<void>) {
    this.#handle = handle
  }

  /** Resolves when all of the tick is handled. */
  add(item: T): Promise<void> {
    this.#items.push(item)
    this.#done ??= new Promise<void>(atEndOfTick).then(() => {
      const items = this.#items
      this.#items = []
      this.#done = undefined
      return this.#handle(items)
    })
    return this.#done
  }
}

/** One command. */
interface Batch<T> {
  readonly kind: Route['kind']
  readonly items: readonly T[]
  readonly asked: readonly string[]
}

function batchOf<T>(items: readonly T[], { kind, asked }: Route): Batch<T> {
  return { kind, items, asked }
}

function batchesOf<T>(all: readonly T[], routeOf: (item: T) => Route): Batch<T>[] {
  const batches: { kind: Route['kind']; items: T[]; asked: string[] }[] = []
  for (const kind of ['channel', 'pattern'] as const) {
    let batch: (typeof batches)[number] | undefined
    for (const item of all) {
      const route = routeOf(item)
      if (route.kind !== kind) continue
      if (!batch || batch.asked.length + route.asked.length > BATCH)
        batches.push((batch = { kind, items: [], asked: [] }))
      batch.items.push(item)
      batch.asked.push(...route.asked)
    }
  }
  return batches
}

/** One system call for all; for one command it would only cost. */
async function written<T>(
  { client: { stream } }: Connection,
  batches: readonly Batch<T>[],
  write: (batch: Batch<T>) => Promise<void>,
): Promise<void> {
  const several = batches.length > 1
  if (several) stream?.cork()
  const answers = batches.map(write)
  if (several) stream?.uncork()
  await Promise.all(answers)
}
