import { InvalidArgumentError } from 'server-events'
import type { Topic, Transport } from 'server-events'

/**
 * Any runner's `test`: jest, vitest, node:test, mocha (`it`). Cases must not run at the same time as
 * one another: one of them looks at what holds the process.
 */
export interface Register {
  (name: string, run: () => Promise<void>): unknown
  /** Where the runner has it, what does not apply is registered with it. */
  readonly skip?: ((name: string, run: () => Promise<void>) => unknown) | undefined
}

/** What a broker can refuse a topic: to subscribe to it, to publish to it, to keep, read and forget outcomes of it. */
export type Forbidden = 'subscribe' | 'publish' | 'store'

/** One isolated broker, and what the kit can do to it. What a hub cannot do it does not have: those cases are skipped. */
export interface ConformanceHub {
  /** A new transport on this broker. The kit attaches a receiver to it, and closes it. Called several times per case. */
  connect(): Transport
  /** Cuts every connection of the hub once. They heal by themselves. */
  interrupt?(): void | Promise<void>
  /**
   * From when this settles on, the broker lets nobody subscribe to the topic or publish to it (see `forbids`).
   * `allowed` are the other topics of the case, for brokers whose rules list what is allowed.
   */
  forbid?(topic: Topic, allowed: readonly Topic[]): void | Promise<void>
  /**
   * From when this settles on the broker is silent (SIGSTOP): connections stay, new ones may come to be, nothing is
   * answered. `thaw` wakes it. Both or none. The transports need deadlines, and a heartbeat, well below `timeout`:
   * what was asked of a frozen broker has to have settled by then.
   */
  freeze?(): void | Promise<void>
  /** Wakes the broker that `freeze` has silenced. */
  thaw?(): void | Promise<void>
  /**
   * From when this settles on the broker is not there (SIGKILL): connections are cut, new ones refused. `start` brings
   * it back, at the same place; what was kept may be gone then. Both or none.
   */
  stop?(): void | Promise<void>
  /** Brings the broker back that `stop` has ended. */
  start?(): void | Promise<void>
  /** A new transport with credentials that the broker refuses. */
  unauthorized?(): Transport
  /**
   * What no error may have in its text or properties: the passwords and tokens that the transports were given, wrong
   * ones too. Make them unlike anything that a text could have by chance.
   */
  readonly secrets?: readonly string[] | undefined
  /**
   * What `forbid` takes away; `['subscribe', 'publish']` unless given. For brokers that can refuse only one of them, or
   * the store as well.
   */
  readonly forbids?: readonly Forbidden[] | undefined
  /** Ends the broker, or what is this hub's of it. Called once, when all transports are closed. */
  close(): void | Promise<void>
}

/** What `transportConformance` needs to know of the transport and of the test runner. */
export interface ConformanceOptions {
  readonly test: Register
  /**
   * Called for each case. If it is not async it is called once more, at once, to see what applies:
   * then what does not is registered as skipped. Otherwise such cases skip themselves when they run.
   */
  readonly createHub: () => ConformanceHub | Promise<ConformanceHub>
  /**
   * How long the kit waits for what must come, in ms; 4,000 by default, so that it fails with its
   * own message before jest and vitest lose patience (5,000). Tell mocha to wait longer than its 2,000.
   */
  readonly timeout?: number | undefined
}

/** @throws InvalidArgumentError */
export function checked(options: ConformanceOptions): Required<ConformanceOptions> & { readonly timeout: number } {
  const { test, createHub, timeout = 4_000, ...unknown } = Object(options) as ConformanceOptions
  const [option] = Object.keys(unknown)
  if (option !== undefined) throw refused(`has no option ${JSON.stringify(option)}`)
  if (typeof test !== 'function') throw refused("needs option test: the runner's function of a name and a function")
  if (typeof createHub !== 'function') throw refused('needs option createHub: a function that gives a hub')
  if (!Number.isInteger(timeout) || timeout < 1 || timeout > 2 ** 31 - 1)
    throw refused('option timeout must be an integer of ms, at least 1')
  return { test, createHub, timeout }
}

function refused(why: string): InvalidArgumentError {
  return new InvalidArgumentError(`transportConformance ${why}; it takes { test, createHub, timeout? }`)
}
