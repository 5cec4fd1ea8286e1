import { ToyBroker } from '@server-events/testing'
import type { ToyClient } from '@server-events/testing'
import type { ConformanceHub } from '@server-events/conformance'
import type { Topic, Transport } from 'server-events'
import { HonestTransport } from './honest-transport'

/** A toy broker, with whatever transport is made of its clients. */
export function toyHub(make: (client: ToyClient) => Transport): ConformanceHub {
  const broker = new ToyBroker({ password: 'right' })
  return {
    connect: () => make(broker.client()),
    unauthorized: () => make(broker.client({ password: 'wrong' })),
    interrupt: () => broker.interrupt(),
    forbid: (topic) => {
      broker.deny(subjectOf(topic))
      broker.deny(keysOf(topic))
    },
    forbids: ['subscribe', 'publish', 'store'],
    freeze: () => broker.freeze(),
    thaw: () => broker.thaw(),
    stop: () => broker.stop(),
    start: () => broker.start(),
    close: () => broker.end(),
  }
}

class Subjects extends HonestTransport {
  readonly of = (topic: Topic): string => this.subject(topic)
}

const subjectOf = (topic: Topic): string => new Subjects(new ToyBroker().client()).of(topic)

/** What an honest one stores under, of a name all of it. */
const keysOf = ({ name, id }: Topic): string =>
  id === undefined ? `${JSON.stringify([name]).slice(0, -1)},*` : JSON.stringify([name, id])
