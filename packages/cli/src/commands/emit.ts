import { withEvents } from '../connect'
import type { Target } from '../connect'
import { parseArgs, parseJson } from '../events'
import type { ServerEventsOptions } from 'server-events'
import { usage } from '../exit'
import { json, line } from '../output'

/** The header that says when it was sent, in ms of the sender's clock. */
export const SENT_AT = 'sent-at'

export interface EmitFlags extends Target {
  readonly keep?: number
  readonly once?: true
}

export interface FailFlags extends EmitFlags {
  readonly name: string
  readonly code?: string
  readonly data?: string
}

/** Resolves when the server has accepted it; that says nothing of receivers. */
export async function emit(name: string, id: string, texts: readonly string[], flags: EmitFlags): Promise<void> {
  const args = parseArgs(texts)
  await withEvents({ ...flags, quiet: true }, sending(name, flags), (events) => events.emit(name, id, ...args))
  accepted(name, id, flags)
}

/** The same for a failure: who waits is rejected with it. */
export async function fail(name: string, id: string, message: string, flags: FailFlags): Promise<void> {
  const { code, data } = flags
  const error = Object.assign(new Error(message), {
    name: flags.name,
    ...(code !== undefined && { code }),
    ...(data !== undefined && { data: parseJson(data, '--data') }),
  })
  await withEvents({ ...flags, quiet: true }, sending(name, flags), (events) => events.fail(name, id, error))
  accepted(name, id, flags)
}

/** `tail` and `bench` tell by the header how long it travelled. */
function sending(name: string, { keep, once }: EmitFlags): ServerEventsOptions<Record<string, unknown[]>> {
  if (once && keep === undefined)
    throw usage('--once needs --keep: the server knows the first outcome while it keeps it')
  const ofName = once && keep !== undefined ? { [name]: { ms: keep, once } } : keep
  return { ...(ofName !== undefined && { keep: ofName }), headers: () => ({ [SENT_AT]: String(Date.now()) }) }
}

function accepted(event: string, id: string, { json: asJson, keep, once }: EmitFlags): void {
  if (asJson) return json({ event, id, accepted: true, keep, once })
  if (keep === undefined) return line('accepted by the server')
  // It may have been kept before: then for the time that it had left.
  line(once ? 'accepted by the server, and the outcome that is kept' : `accepted by the server and kept for ${keep} ms`)
}
