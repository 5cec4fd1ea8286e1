/*
 * What a peer sent as headers, read by ourselves. The client reads them when it is asked for them: in time with the
 * square of their number, a minute for what one message can hold, and it throws for what it would not send itself.
 * So its messages are asked for the bytes; tests/growth shows it if a version of the client has others.
 */

/** Of a name that comes several times, its first value. */
export type ReceivedHeaders = ReadonlyMap<string, string>

/** A message of the client, as far as it has its bytes. */
interface Received {
  readonly _rdata: Uint8Array
  readonly _msg: { readonly hdr: number }
}

/** Undefined if it has none. */
export function headersOfReceived(message: object): ReceivedHeaders | undefined {
  const { _rdata: bytes, _msg } = message as Received
  return _msg.hdr > 0 ? parse(Buffer.from(bytes.buffer, bytes.byteOffset, _msg.hdr)) : undefined
}

/** Of a message of a stream, as the server tells them: in base64, empty for none. */
export function headersOfStored(base64: string): ReceivedHeaders {
  return parse(Buffer.from(base64, 'base64'))
}

/** `NATS/1.0`, then a line for each, all ended by CR LF. */
function parse(bytes: Buffer): ReceivedHeaders {
  const headers = new Map<string, string>()
  for (const line of bytes.toString().split('\r\n').slice(1)) {
    const colon = line.indexOf(':')
    if (colon === -1) continue
    const name = line.slice(0, colon)
    if (!headers.has(name)) headers.set(name, line.slice(colon + 1).trim())
  }
  return headers
}
