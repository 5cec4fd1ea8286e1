import { transportConformance } from '@server-events/conformance'
import type { ConformanceHub } from '@server-events/conformance'
import { transportOf } from 'server-events/transport-kit'
import { Faults, subjectOf, ToyDriver } from './toy-driver'

function hub(routing: 'name' | 'id', separate: boolean): ConformanceHub {
  const faults = new Faults()
  return {
    connect: () => transportOf(new ToyDriver(faults, routing, 'right', separate)),
    unauthorized: () => transportOf(new ToyDriver(faults, routing, 'wrong', separate)),
    interrupt: () => faults.broker.interrupt(),
    forbid: (topic) => faults.broker.deny(subjectOf(topic)),
    close: () => {},
  }
}

describe.each([
  ['name', false],
  ['id', false],
  ['name', true],
  ['id', true],
] as const)("routing '%s', separate connections: %s", (routing, separate) => {
  transportConformance({ test, createHub: () => hub(routing, separate), timeout: 30_000 })
})
