import type * as RedisMemoryServer from 'redis-memory-server'
import { aptInstall, canAptInstall } from '../apt'
import { findOnPath } from '../find-on-path'

let found: Promise<string> | undefined

/** The path of a Redis or Valkey server, installed if need be; rejects with what to install if none can be had. */
export function redisBinary(): Promise<string> {
  found ??= find()
  return found
}

/** What has to be done before a server can be started here, for people to read; undefined if one is installed. */
export async function missingRedis(): Promise<string | undefined> {
  if (process.env['REDIS_SERVER'] || (await installed()) !== undefined) return undefined
  return canAptInstall() ? 'apt-get install redis-server' : 'download the source of Redis and compile it'
}

function installed(): Promise<string | undefined> {
  return findOnPath('redis-server', 'valkey-server')
}

async function find(): Promise<string> {
  const given = process.env['REDIS_SERVER']
  if (given) {
    // Who names a server wants that one: another would test something else and pass.
    const path = await findOnPath(given)
    if (path !== undefined) return path
    throw new Error(`REDIS_SERVER is ${given}, which is not an executable file`)
  }
  return (await installed()) ?? (await aptInstall('redis-server')) ?? (await compiled())
}

async function compiled(): Promise<string> {
  process.stderr.write('building Redis from source: no redis-server or valkey-server was found on PATH\n')
  try {
    // Loaded only here: it reads its configuration and looks for caches as it loads.
    // eslint-disable-next-line @typescript-eslint/no-require-imports -- jest cannot run import() in CommonJS
    const { RedisBinary } = require('redis-memory-server') as typeof RedisMemoryServer
    return await RedisBinary.getPath()
  } catch (error) {
    throw new Error(
      'no Redis server: install redis-server or valkey-server (Debian: apt-get install redis-server, ' +
        'macOS: brew install redis), or set REDIS_SERVER to the path of one. ' +
        `Building it from source failed as well: ${(error as Error).message}`,
    )
  }
}
