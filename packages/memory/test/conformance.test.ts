import { transportConformance } from '@server-events/conformance'
import { MemoryHub, MemoryTransport } from '@server-events/memory'

// An emit waits 5,000 ms for a hub that is disconnected.
jest.setTimeout(30_000)

describe.each(['name', 'id'] as const)('routing %s', (routing) => {
  transportConformance({
    test,
    timeout: 8_000,
    createHub: () => {
      const hub = new MemoryHub()
      return {
        connect: () => new MemoryTransport({ hub, routing }),
        interrupt: () => {
          hub.disconnect()
          setTimeout(() => {
            hub.reconnect()
          }, 5)
        },
        stop: () => hub.disconnect(),
        start: () => hub.reconnect(),
        close: () => {},
      }
    },
  })
})
