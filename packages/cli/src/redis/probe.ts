import { randomUUID } from 'node:crypto'
import { redisNamesOf } from '@server-events/redis'
import type { RedisNames } from '@server-events/redis'
import type { Target } from '../connect'

/** A frame without events: whoever hears it finds nothing in it. */
export const EMPTY_FRAME = 'se2'

/** An event that nobody waits for, of a name that the user gave or of one that nobody has. */
export interface Probe extends RedisNames {
  readonly name: string
  /** How a process waits here, by `channels`. */
  readonly subscribe: 'SUBSCRIBE' | 'PSUBSCRIBE'
  readonly unsubscribe: 'UNSUBSCRIBE' | 'PUNSUBSCRIBE'
  readonly topic: string
  /** Where a process emits here. */
  readonly emitted: string
  /** What an access rule has to say so that it may wait. */
  readonly rule: string
}

export function probeOf(name: string, { prefix, channels = 'pattern' }: Target): Probe {
  const names = redisNamesOf({ name, id: `doctor-${randomUUID()}` }, prefix)
  const { channel, idChannel, pattern } = names
  const byChannel = { ...names, name, subscribe: 'SUBSCRIBE', unsubscribe: 'UNSUBSCRIBE' } as const
  switch (channels) {
    case 'pattern':
      return { ...byChannel, subscribe: 'PSUBSCRIBE', unsubscribe: 'PUNSUBSCRIBE', topic: pattern, emitted: channel, rule: `&${pattern}` } // prettier-ignore
    case 'name':
      return { ...byChannel, topic: channel, emitted: channel, rule: `&${channel}` }
    case 'id':
      return { ...byChannel, topic: idChannel, emitted: idChannel, rule: `&${channel}*` }
  }
}
