import { transportConformance } from '@server-events/conformance'
import { OnceTransport } from './once-transport'
import { HonestTransport } from './honest-transport'
import { toyHub } from './toy-hub'

class ByName extends HonestTransport {
  override readonly routing = 'name'
  override readonly questions = true
}

class WithHomes extends HonestTransport {
  override readonly homes = true
  override readonly questions = true
}

describe("routing 'id'", () => {
  transportConformance({ test, createHub: () => toyHub((client) => new OnceTransport(client)) })
})

describe("routing 'id', with homes", () => {
  transportConformance({ test, createHub: () => toyHub((client) => new WithHomes(client)) })
})

describe("routing 'name', createHub async", () => {
  transportConformance({ test, createHub: async () => Promise.resolve(toyHub((client) => new ByName(client))) })
})
