import { SerializationError, UnsupportedError } from 'server-events'

/*
 * What travels by NOTIFY, in ASCII: events of one name, one a line, as `encodeEvent` writes them,
 * cut into pieces that PostgreSQL takes. A piece begins with
 *
 *     "1" SP number SP index SP count SP
 *
 * where the number counts the frames of a connection. PostgreSQL drops what equals another NOTIFY of
 * its transaction: with the number no two are equal. Pieces of a frame are of one transaction, so they
 * come one behind the other, and all or none.
 */

/** PostgreSQL takes less than 8,000 bytes, the head of the piece included. */
const ROOM = 7_900

/** How many pieces a frame may have. */
const MOST_PIECES = 2_048

/** How long an event may be on the wire, in bytes. */
export const LONGEST_EVENT = ROOM * MOST_PIECES

const headOfPiece = /^(\d{1,9}) ([0-9a-z]{1,12}) (\d{1,5}) (\d{1,5}) /

/** An event, and where it goes. */
export interface Outgoing {
  readonly channel: string
  readonly text: string
}

/** What one statement notifies of: two lists of the same length. */
export interface Payloads {
  readonly channels: readonly string[]
  readonly payloads: readonly string[]
}

/** Events of one channel together where they fit, in their order. `number` is of the first frame; the next is returned. */
export function framesOf(events: readonly Outgoing[], number: number): Payloads & { readonly next: number } {
  const channels: string[] = []
  const payloads: string[] = []
  const open = new Map<string, string>()
  let next = number
  const end = (channel: string, frame: string): void => {
    const count = Math.ceil(frame.length / ROOM)
    const id = (next++).toString(36)
    for (let index = 0; index < count; index++) {
      channels.push(channel)
      payloads.push(`1 ${id} ${index} ${count} ${frame.slice(index * ROOM, (index + 1) * ROOM)}`)
    }
  }
  for (const { channel, text } of events) {
    const frame = open.get(channel)
    const fits = frame !== undefined && frame.length + 1 + text.length <= ROOM
    if (frame !== undefined && !fits) end(channel, frame)
    open.set(channel, fits ? `${frame}\n${text}` : text)
  }
  for (const [channel, frame] of open) end(channel, frame)
  return { channels, payloads, next }
}

/** A frame of which more pieces have to come. */
interface Begun {
  /** What all its pieces share: the process of the server that they come from, their number, how many there are. */
  readonly of: string
  readonly pieces: string[]
}

/** Puts pieces together again. */
export class Assembly {
  #begun: Begun | undefined

  /**
   * The events that are whole with this piece; none if more have to come.
   * @throws UnsupportedError for what a later version has sent, SerializationError for what is no piece
   */
  add(processId: number, payload: string): string[] {
    const begun = this.#begun
    this.#begun = undefined
    const head = headOfPiece.exec(payload)
    if (!head) throw unreadable()
    const [{ length }, version, number] = head
    const [index, count] = [Number(head[3]), Number(head[4])]
    if (version !== '1')
      throw new UnsupportedError('a message was dropped: it is of a later version of @server-events/postgres')
    if (count < 1 || count > MOST_PIECES || index >= count) throw unreadable()
    const of = `${processId} ${number} ${count}`
    const pieces = index === 0 ? [] : begun?.of === of ? begun.pieces : undefined
    if (pieces?.length !== index) throw unreadable()
    pieces.push(payload.slice(length))
    // What took several pieces is one event.
    if (pieces.length === count) return count === 1 ? pieces.join('').split('\n') : [pieces.join('')]
    this.#begun = { of, pieces }
    return []
  }
}

function unreadable(): SerializationError {
  return new SerializationError('a message was dropped: it cannot be read')
}
