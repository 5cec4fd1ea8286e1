// One process of a recording: plays its part and writes down what it does, before it does it.
import { appendFileSync } from 'node:fs'
import { NatsTransport } from '@server-events/nats'
import { PostgresTransport } from '@server-events/postgres'
import { RedisTransport } from '@server-events/redis'
import type { Transport } from 'server-events'
import { play } from './play'
import type { Part } from './play'
import type { Kind } from './servers'

export interface Order extends Part {
  readonly kind: Kind
  /** A URL; of a Cluster, the ports of its masters. */
  readonly target: string
  /** A line for each thing that is told: what is written is there, however this process ends. */
  readonly file: string
}

/** In ms; short, so that many end in doubt. */
const publishTimeout = 600

function transportOf({ kind, target, seed, once }: Order): Transport {
  const prefix = `seed${seed}${once ? 'once' : 'last'}`
  switch (kind) {
    case 'redis':
      return new RedisTransport(target, { prefix: `${prefix}:`, publishTimeout })
    case 'cluster':
      return new RedisTransport({ cluster: target.split(',').map(Number), prefix: `${prefix}:`, publishTimeout })
    case 'nats':
      return new NatsTransport(target, { prefix, bucket: 'histories', publishTimeout })
    case 'postgres':
      return new PostgresTransport(target, { prefix, publishTimeout })
  }
}

// Whoever ordered it is gone, perhaps because a recording failed.
process.once('disconnect', () => process.exit())
process.on('message', (order: Order) => {
  play(transportOf(order), order, (told) => appendFileSync(order.file, `${JSON.stringify(told)}\n`)).then(
    () => process.send?.({}),
    (error: unknown) => process.send?.({ error: String((error as Error).stack) }),
  )
})
