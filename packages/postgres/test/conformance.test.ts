import { transportConformance } from '@server-events/conformance'
import type { ConformanceHub } from '@server-events/conformance'

interface Hubs {
  createHub(): ConformanceHub
  start(): Promise<number>
  stop(): Promise<void>
}

const { createHub, start, stop } = jest.requireActual<Hubs>('./runners/hub.cjs')

beforeAll(() => start())
afterAll(() => stop())
transportConformance({ test, createHub, timeout: 30_000 })
