import { transportConformance } from '@server-events/conformance'
import { HonestTransport } from './honest-transport'
import { toyHub } from './toy-hub'

class ByName extends HonestTransport {
  override readonly routing = 'name'
}

describe("routing 'id'", () => {
  transportConformance({ test, createHub: () => toyHub((client) => new HonestTransport(client)) })
})

describe("routing 'name', createHub async", () => {
  transportConformance({ test, createHub: async () => Promise.resolve(toyHub((client) => new ByName(client))) })
})
