// What the runners run: the packages as they are built, on a transport that is honest or, with LIE set, drops headers.
import { MemoryHub, MemoryTransport } from '@server-events/memory'

class LyingTransport extends MemoryTransport {
  publish(key, { headers: _, ...message }) {
    return super.publish(key, message)
  }
}

const Transport = process.env.LIE ? LyingTransport : MemoryTransport

/** Neither the transport nor the hub can do everything, so that there is something to skip. */
export function createHub() {
  const hub = new MemoryHub()
  return { connect: () => new Transport({ hub }), close: () => {} }
}
