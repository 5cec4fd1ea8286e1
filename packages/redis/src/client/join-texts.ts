import type { Duplex } from 'node:stream'

type Chunks = Parameters<NonNullable<Duplex['_writev']>>[0]

/**
 * Lets a socket write the commands of a tick as one text: by itself it hands them to the system
 * one by one, which costs more than all else that is done to write them.
 */
export function joinTexts(socket: Duplex): void {
  // Not every runtime collects what is written.
  const writev = socket._writev?.bind(socket)
  if (writev === undefined) return
  socket._writev = (chunks, done) => {
    const text = textOf(chunks)
    if (text === undefined) writev(chunks, done)
    else socket._write(text, 'utf8', done)
  }
}

/** `undefined` where there is anything else, as what is sealed. */
function textOf(chunks: Chunks): string | undefined {
  let text = ''
  for (const { chunk, encoding } of chunks) {
    if (typeof chunk !== 'string' || (encoding !== 'utf8' && (encoding as string) !== 'utf-8')) return undefined
    text += chunk
  }
  return text
}
