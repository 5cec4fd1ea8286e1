import type { EventKey, Message, Topic } from 'server-events'

/** How things are called in a history; also the keys of maps. */

export function keyText({ name, id }: EventKey): string {
  return `${name}, ${id}`
}

export function topicText({ name, id }: Topic): string {
  return id === undefined ? name : `${name}, ${id}`
}

/** Each message of a simulation carries a number of its own. */
export function messageText({ kind, body }: Message): string {
  const read = JSON.parse(String(body)) as [number] & { readonly message: string }
  return kind === 'event' ? `event ${read[0]}` : `failure ${read.message}`
}

/** An error as a transport may make it: a code of ours, no class of ours. */
export function errorOf(code: string): Error {
  return Object.assign(new Error(code), { code })
}

export function codeOf(error: unknown): string {
  const { code, name } = error as { readonly code?: unknown; readonly name?: unknown }
  return typeof code === 'string' ? code : String(name ?? error)
}
