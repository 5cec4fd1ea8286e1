/**
 * The transport over Redis pub/sub.
 *
 * @module @server-events/redis
 */

export type { RedisClient, RedisRole } from './client/client'
export { redisNamesOf } from './names'
export type { RedisNames } from './names'
export type { RedisTransportOptions } from './options'
export { RedisTransport } from './redis-transport'
export type { RedisClientFactory, RedisClusterNodes } from './source'
