import { join } from 'node:path'
import { Redis } from 'ioredis'
import type { RedisServer } from './server'

/** Who is asked, over the socket in its directory. */
export interface Asked extends Pick<RedisServer, 'directory'> {
  readonly password?: string | undefined
}

/** The answer to a command, as text: for what is not an array. Rejects with an error of the server, or after 5 s. */
export async function command(
  { directory, password }: Asked,
  ...words: readonly [string, ...string[]]
): Promise<string> {
  const redis = new Redis({
    path: join(directory, 'socket'),
    ...(password === undefined ? {} : { password }),
    lazyConnect: true,
    retryStrategy: () => null,
    // A node of a Cluster that has no slots yet, or a replica that loads, answers all the same.
    enableReadyCheck: false,
    connectTimeout: 5_000,
    commandTimeout: 5_000,
  })
  let refusal: Error | undefined
  redis.on('error', (error: Error) => (refusal ??= error))
  const [name, ...args] = words
  try {
    await redis.connect()
    return String(await redis.call(name, ...args))
  } catch (error) {
    throw new Error(`${words.join(' ')}: ${(refusal ?? (error as Error)).message}`)
  } finally {
    redis.disconnect()
  }
}
