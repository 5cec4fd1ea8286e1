import type { NatsConnection } from '@nats-io/transport-node'
import { Timer } from 'server-events/transport-kit'
import { headersOfStored } from '../wire/headers'
import type { ReceivedHeaders } from '../wire/headers'

/** A message of a stream. */
export interface Stored {
  readonly seq: number
  /** When it was stored, by the server's clock, in ms since 1970. */
  readonly time: number
  readonly data: Uint8Array
  readonly headers: ReceivedHeaders
}

/** How long an answer may take, in ms, as in the client; and as long as at least so many bytes a second arrive. */
const PATIENCE = 5_000
const LONGEST = 60_000
const SLOW = 200

const NO_MESSAGE_FOUND = 10037

interface Answer {
  readonly error?: { readonly err_code?: number; readonly description?: string }
  readonly message?: { readonly seq: number; readonly time: string; readonly data?: string; readonly hdrs?: string }
}

/** As the client calls it. */
class TimeoutError extends Error {
  override readonly name = 'TimeoutError'
}

/** What JetStream refuses, under the name that the client has for it. */
class JetStreamApiError extends Error {
  override readonly name = 'JetStreamApiError'
  readonly code: number | undefined

  constructor({ err_code: code, description }: NonNullable<Answer['error']>) {
    super(description)
    this.code = code
  }
}

/** The connection that it is asked on. */
interface Asked {
  readonly client: NatsConnection
  /** How many bytes have arrived so far. */
  readonly bytesRead: () => number
}

/** The last message of a subject, from the leader of the stream: others may not have yet what it has acknowledged. */
export async function lastOf({ client, bytesRead }: Asked, stream: string, subject: string): Promise<Stored | null> {
  const question = JSON.stringify({ last_by_subj: subject })
  const asked = client.request(`$JS.API.STREAM.MSG.GET.${stream}`, question, { timeout: LONGEST })
  const answer = await whileItArrives(asked, bytesRead)
  const { error, message } = answer.json<Answer>()
  if (error?.err_code === NO_MESSAGE_FOUND) return null
  if (error || !message) throw new JetStreamApiError(error ?? {})
  const { seq, time, data = '', hdrs = '' } = message
  return { seq, time: Date.parse(time), data: Buffer.from(data, 'base64'), headers: headersOfStored(hdrs) }
}

/** The client gives all answers the same time, in which a long one never comes through a slow link. */
function whileItArrives<T>(answer: Promise<T>, bytesRead: () => number): Promise<T> {
  return new Promise((resolve, reject) => {
    let before = bytesRead()
    const timer = new Timer(() => {
      const bytes = bytesRead()
      if (bytes - before < (SLOW * PATIENCE) / 1_000) reject(new TimeoutError())
      else timer.arm(PATIENCE, false)
      before = bytes
    })
    timer.arm(PATIENCE, false)
    answer.then(resolve, reject).finally(() => timer.clear())
  })
}
