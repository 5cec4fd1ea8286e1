import type { RedisOptions } from 'ioredis'
import type { ServerUrl } from '../../server-url'
import { docs, ok, warn } from '../finding'
import type { Finding } from '../finding'
import { Client } from '../../redis/client'
import { isLocal, withoutTls } from '../network'

const DAY = 86_400_000

/** What stands between an eavesdropper and the events. */
export function checkTls(client: Client, server: ServerUrl): Finding {
  const socket = client.tls
  if (socket) {
    const left = Math.floor((Date.parse(socket.getPeerCertificate().valid_to) - Date.now()) / DAY)
    const found = `${socket.getProtocol() ?? 'TLS'}, certificate valid for ${left} days`
    if (left >= 14) return ok('tls', found)
    return warn('tls', found, 'renew it: once it has expired no connection can be made', docs.tls)
  }
  return withoutTls(server)
}

/** Whoever may PUBLISH can settle any wait, so somebody should be kept out. */
export async function checkPassword(options: RedisOptions, server: ServerUrl): Promise<Finding> {
  const { username, password, ...anonymous } = options
  const stranger = await Client.open(anonymous).catch(() => undefined)
  const isOpen = (await stranger?.ask('PING'))?.refused === undefined && stranger !== undefined
  stranger?.close()
  if (!isOpen) return ok('password', 'asked for')
  if (username === undefined && password !== undefined)
    return warn(
      'password',
      'one is given, but the server asks for none',
      'set requirepass, or users with passwords',
      docs.users,
    )
  if (username !== undefined || isLocal(server)) return ok('password', 'none asked of the default user')
  return warn(
    'password',
    'none is asked for: whoever reaches the port can hear every event, and settle every wait',
    'set requirepass, or users with passwords',
    docs.users,
  )
}
