import { RedisTransport } from '@server-events/redis'
import { ServerEvents } from 'server-events'
import type { ServerEventsOptions } from 'server-events'

export interface Reports {
  order: [pages: number]
  report: [url: string]
}

export function connect(options: ServerEventsOptions<Reports>): ServerEvents<Reports> {
  const redisUrl = process.env['REDIS_URL'] ?? 'redis://127.0.0.1:6379'
  const events = new ServerEvents<Reports>(new RedisTransport(redisUrl), options)
  events.onerror((store, error) => console.error(`${store}: ${error.message}`))
  return events
}
