import { ConnectionError } from 'server-events'
import type { EventKey, Message, Receiver } from 'server-events'
import { INIT_TIMEOUT, openTransport, serverOf } from '../connect'
import type { Target } from '../connect'
import { colours, json, line, note, printable } from '../output'
import { SENT_AT } from './emit'

export interface TailFlags extends Target {
  readonly args?: boolean
  readonly count?: number
}

/** Prints events as they come, failures too, until so many came or somebody ends it. Rejects if it cannot listen. */
export async function tail(names: readonly string[], flags: TailFlags): Promise<void> {
  const transport = await openTransport(serverOf(flags), flags, false)
  let end = (): void => {}
  let give = (_: Error): void => {}
  const ended = new Promise<void>((resolve, reject) => {
    end = resolve
    give = reject
  })
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, end)
  let trouble: Error = new ConnectionError('no connection yet')
  let seen = 0
  // Not a ServerEvents: that gives args to listeners, while here also failures, sizes and headers are of interest.
  const receiver: Receiver = {
    wants: () => true,
    deliver(key, message) {
      // What a worker asks by `wanted` comes here, too.
      if (message.kind !== 'event' && message.kind !== 'failure') return
      if (flags.count !== undefined && seen >= flags.count) return
      print(key, message, flags)
      if (++seen === flags.count) end()
    },
    state: (_, up, cause) => note(up ? `listening to ${names.join(', ')}` : `interrupted: ${cause?.message ?? ''}`),
    lost: (_, error) => give(error),
    error(_, error) {
      if (error.message !== trouble.message) note(error.message)
      trouble = error
    },
  }
  transport.attach(receiver)
  let timer: NodeJS.Timeout | undefined
  try {
    const late = new Promise((_, reject) => {
      timer = setTimeout(() => reject(trouble), INIT_TIMEOUT)
    })
    const subscribed = Promise.all([...new Set(names)].map((name) => transport.subscribe({ name })))
    await Promise.race([subscribed, late, ended])
    clearTimeout(timer)
    await ended
  } finally {
    clearTimeout(timer)
    await transport.close()
  }
}

function print(
  { name, id }: EventKey,
  { kind, body, headers, kept }: Message,
  { args, json: asJson }: TailFlags,
): void {
  const now = new Date()
  const bytes = Buffer.byteLength(body)
  const sent = Number(headers?.[SENT_AT])
  // Of another machine's clock, so it may be off, or below nothing.
  const latency = Number.isFinite(sent) ? now.getTime() - sent : undefined
  if (asJson) {
    const at = now.toISOString()
    return json({ at, event: name, id, kind, bytes, kept, latency, headers, ...(args && { args: parsed(body) }) })
  }
  const about = [
    colours.dim(now.toISOString().slice(11, 23)),
    colours.bold(printable(name)),
    printable(id),
    kind === 'failure' ? colours.red('failure') : 'event',
    `${bytes} B`,
    ...(kept ? ['kept'] : []),
    ...(latency === undefined ? [] : [`${latency} ms`]),
    ...(headers && Object.keys(headers).length > 0 ? [colours.dim(printable(JSON.stringify(headers)))] : []),
    ...(args ? [printable(typeof body === 'string' ? body : '(bytes)')] : []),
  ]
  line(about.join('  '))
}

/** What another codec has made is shown as it is. */
function parsed(body: string | Uint8Array): unknown {
  if (typeof body !== 'string') return Buffer.from(body).toString('base64')
  try {
    return JSON.parse(body) as unknown
  } catch {
    return body
  }
}
