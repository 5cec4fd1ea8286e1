import { performance } from 'node:perf_hooks'
import type { TLSSocket } from 'node:tls'
import { Redis } from 'ioredis'
import type { RedisOptions } from 'ioredis'

/** An answer, or the first word of a refusal: NOPERM, UNKNOWN, NOAUTH, MOVED; TIMEOUT and CLOSED are no answers. */
export interface Reply {
  readonly value?: unknown
  readonly refused?: string
  /** What the refusal is about, if it says so. */
  readonly because?: 'channel' | 'key' | 'command' | undefined
}

/** Bounds each command, in ms: a server that freezes meanwhile is not to freeze the doctor. */
const PATIENCE = 5_000

/** A connection that repairs nothing and tells of each command how it went. */
export class Client {
  readonly #redis: Redis
  #isLost = false

  /** Rejects with the trouble if it does not stand within `connectTimeout` of the options. */
  static async open(options: RedisOptions): Promise<Client> {
    const redis = new Redis({
      ...options,
      // Chosen by a command of its own: ioredis goes on with database 0 when SELECT is refused.
      db: 0,
      lazyConnect: true,
      retryStrategy: () => null,
      enableReadyCheck: false,
      enableOfflineQueue: false,
      autoResubscribe: false,
      maxRetriesPerRequest: 0,
    })
    let trouble: unknown
    redis.on('error', (error) => {
      trouble = error
    })
    const client = new Client(redis)
    // The timeout of ioredis ends with the handshake of TCP, which the kernel of a frozen server still makes.
    const late = setTimeout(() => client.close(), options.connectTimeout)
    try {
      await redis.connect()
      // Without its ready check ioredis does not wait for the answer to AUTH. Any answer will do here.
      await redis.ping().catch((error: unknown) => {
        if (refusalOf(error).refused === 'CLOSED') throw error
      })
      return client
    } catch (error) {
      client.close()
      throw trouble ?? error
    } finally {
      clearTimeout(late)
    }
  }

  private constructor(redis: Redis) {
    this.#redis = redis
  }

  /** Something was not answered: then nothing is any more. */
  get isLost(): boolean {
    return this.#isLost
  }

  /** Never rejects. */
  async ask(command: string, ...args: readonly (string | number)[]): Promise<Reply> {
    if (this.#isLost) return { refused: 'CLOSED' }
    // The methods of ioredis keep its books of what is subscribed; `call` does not.
    const asked = /^p?(un)?subscribe$/i.test(command)
      ? this.#redis[command.toLowerCase() as 'subscribe'](...(args as string[]))
      : this.#redis.call(command, ...args)
    let timer: NodeJS.Timeout | undefined
    const late = new Promise<Reply>((resolve) => {
      timer = setTimeout(() => resolve({ refused: 'TIMEOUT' }), PATIENCE)
    })
    try {
      const reply: Reply = await Promise.race([asked.then((value) => ({ value }), refusalOf), late])
      this.#isLost = reply.refused === 'TIMEOUT' || reply.refused === 'CLOSED'
      return reply
    } finally {
      clearTimeout(timer)
    }
  }

  /** An answer as text; `undefined` if it was refused. */
  async text(command: string, ...args: readonly (string | number)[]): Promise<string | undefined> {
    const { value } = await this.ask(command, ...args)
    return typeof value === 'string' ? value : undefined
  }

  /** How many ms each of so many commands took, in order of length; ends early after `bound` ms, or when one is refused. */
  async rounds(count: number, bound: number, command: string, ...args: readonly string[]): Promise<number[]> {
    const taken: number[] = []
    const end = performance.now() + bound
    while (taken.length < count && performance.now() < end) {
      const began = performance.now()
      const reply = await this.ask(command, ...args)
      if (reply.refused !== undefined) break
      taken.push(performance.now() - began)
    }
    return taken.sort((a, b) => a - b)
  }

  onMessage(listener: (channel: string, payload: string) => void): void {
    this.#redis.on('message', listener)
    this.#redis.on('pmessage', (_: string, channel: string, payload: string) => listener(channel, payload))
  }

  /** Of a connection with TLS. */
  get tls(): TLSSocket | undefined {
    const { stream } = this.#redis
    return 'getProtocol' in stream ? stream : undefined
  }

  close(): void {
    this.#redis.disconnect()
    // A server that is frozen does not end its side, and the process would wait for that.
    const { stream } = this.#redis as { readonly stream?: { destroy(): void } }
    stream?.destroy()
  }
}

/** Of an error of ioredis nothing goes on but a word: it holds the command with its arguments. */
function refusalOf(error: unknown): Reply {
  const { name, message } = error as Error
  if (name !== 'ReplyError') return { refused: 'CLOSED' }
  const because = /channel/i.test(message)
    ? 'channel'
    : /\bkeys?\b/i.test(message)
      ? 'key'
      : /\b(run|command)\b/i.test(message)
        ? 'command'
        : undefined
  if (/^ERR (unknown|Unknown) (sub)?command/.test(message)) return { refused: 'UNKNOWN', because }
  return { refused: /^[A-Z]+/.exec(message)?.[0] ?? 'ERR', because }
}

/** The fields of an answer to INFO or CLUSTER INFO. */
export function fieldsOf(text: string | undefined): Readonly<Record<string, string>> {
  const pairs = (text ?? '').split('\r\n').map((row) => /^([^#:]+):(.*)$/.exec(row))
  return Object.fromEntries(pairs.flatMap((pair) => (pair ? [[pair[1] ?? '', pair[2] ?? '']] : [])))
}
