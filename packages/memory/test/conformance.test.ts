import { transportConformance } from '@server-events/conformance'
import { MemoryHub, MemoryTransport } from '@server-events/memory'

transportConformance({
  test,
  createHub: () => {
    const hub = new MemoryHub()
    return {
      connect: () => new MemoryTransport({ hub }),
      interrupt: () => {
        hub.disconnect()
        setTimeout(() => {
          hub.reconnect()
        }, 5)
      },
      close: () => {},
    }
  },
})
