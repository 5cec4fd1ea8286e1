import type { Message } from 'server-events'

/** A message that shares nothing with the original: as over a network, nobody can change what another sent or got. */
export function copyOf(message: Message): Message {
  const copy = { ...message, body: copyOfBody(message.body) }
  return message.headers === undefined ? copy : { ...copy, headers: { ...message.headers } }
}

function copyOfBody(body: string | Uint8Array): string | Uint8Array {
  // Not `slice`: that of a Buffer shares its memory.
  return typeof body === 'string' ? body : new Uint8Array(body)
}
