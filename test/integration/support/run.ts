import { join } from 'node:path'
import { runNode, type NodeProcess } from '@server-events/testing'

const preload = join(__dirname, 'ioredis-major.cjs')

/** Runs a script of ../processes on the built packages and on the major of ioredis under test. */
export function run(script: string, env: NodeJS.ProcessEnv = {}): Promise<NodeProcess> {
  const execArgv = process.env['IOREDIS'] === '6' ? ['--require', preload] : []
  return runNode(join(__dirname, '../processes', script), { env, execArgv })
}
