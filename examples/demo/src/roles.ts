import { startApiServer } from './api-server'
import { connect } from './events'
import { startWorker } from './worker'

/** What one server of the demo does. */
export type Role = 'worker' | 'A' | 'B'

export interface Started {
  /** Of an API server: its HTTP port. */
  readonly port?: number
  stop(): Promise<void>
}

export async function startRole(role: Role, redisUrl: string | undefined): Promise<Started> {
  if (role === 'worker') return startWorker(connect('worker', redisUrl))
  return startApiServer(role, connect(`API server ${role}`, redisUrl, { listen: ['report'] }))
}
