import type { Load } from './compare'
import type { PeerSpec } from './peers'

/** Where the servers of a run are. */
export interface Servers {
  readonly redis: string
  readonly nats: string
}

/** One line of the table: ours against a peer, on the same work in the same run. */
export interface Case {
  readonly title: string
  readonly ours: PeerSpec
  readonly peer: PeerSpec
  readonly load: Load
}

/** `share` scales the number of waits: short rounds measure the compiler, but show that all runs. */
export function casesOf({ redis, nats }: Servers, share: number): Case[] {
  const load = (inFlight: number, waits: number): Load => ({
    inFlight,
    waits: Math.max(inFlight, Math.ceil(waits * share)),
    rounds: share < 1 ? 1 : 5,
  })
  const ours: PeerSpec = { kind: 'ours', url: redis }
  const byHand: PeerSpec = { kind: 'by-hand', url: redis }
  return [
    { title: '2,048 in flight, by hand', ours, peer: byHand, load: load(2048, 400_000) },
    { title: '256 in flight, by hand', ours, peer: byHand, load: load(256, 400_000) },
    { title: '1 in flight, by hand', ours, peer: byHand, load: load(1, 40_000) },
    {
      title: '256 in flight, by hand, ioredis 6 both',
      ours: { ...ours, ioredis: 6 },
      peer: { ...byHand, ioredis: 6 },
      load: load(256, 200_000),
    },
    {
      title: '256 in flight, batch off, by hand',
      ours: { ...ours, transport: { batch: false } },
      peer: byHand,
      load: load(256, 200_000),
    },
    {
      title: '256 in flight, kept, the same commands by hand',
      ours: { ...ours, keep: true },
      peer: { ...byHand, keep: true },
      load: load(256, 100_000),
    },
    {
      title: '256 in flight, NATS core by hand',
      ours,
      peer: { kind: 'nats', url: nats },
      load: load(256, 400_000),
    },
    {
      title: '256 in flight, BullMQ waitUntilFinished (it also queues)',
      ours,
      peer: { kind: 'bullmq', url: redis },
      load: load(256, 10_000),
    },
  ]
}
