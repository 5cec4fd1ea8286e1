import type { EventKey, Message, Topic } from 'server-events'

/** How things are called in a history; also the keys of maps. */

export function keyText({ name, id }: EventKey): string {
  return `${name}, ${id}`
}

export function topicText({ name, id, home }: Topic): string {
  if (home !== undefined) return `${name}, all of ~${home}`
  return id === undefined ? name : `${name}, ${id}`
}

/** Each message of a simulation carries a number of its own. */
export function messageText({ kind, body }: Message): string {
  const read = JSON.parse(String(body)) as [number] & { readonly message: string }
  return kind === 'event' ? `event ${read[0]}` : `failure ${read.message}`
}

/** Each emit has a number of its own, in its headers: that of its message, unless it emits an outcome once more. */
export function emitText(message: Message): string {
  const text = messageText(message)
  const number = message.headers?.['emit'] ?? ''
  return text.endsWith(` ${number}`) ? text : `${text} again, in emit ${number}`
}

/** An error as a transport may make it: a code of ours, no class of ours. */
export function errorOf(code: string): Error {
  return Object.assign(new Error(code), { code })
}

export function codeOf(error: unknown): string {
  const { code, name } = error as { readonly code?: unknown; readonly name?: unknown }
  return typeof code === 'string' ? code : String(name ?? error)
}
