/** Whether these bytes are whole messages of a pattern and nothing else: only such can vanish without a trace. */
export function areWholePushes(bytes: Buffer): boolean {
  let at = 0
  while (at < bytes.length) {
    const header = /^[*>]4\r\n\$8\r\npmessage\r\n/.exec(bytes.toString('latin1', at, at + 32))
    if (!header) return false
    at += header[0].length
    for (let part = 1; part < 4; part++) {
      const length = /^\$(\d+)\r\n/.exec(bytes.toString('latin1', at, at + 16))
      if (!length) return false
      at += length[0].length + Number(length[1]) + 2
    }
  }
  return at === bytes.length && bytes.length > 0
}

/** Whether a chunk has a command to subscribe, or a reply to one. */
export function subscribes(chunk: Buffer): boolean {
  return /\np?subscribe\r/.test(chunk.toString('latin1'))
}
