import { join } from 'node:path'
import { runNode, type NodeProcess } from '@server-events/testing'

const major = join(__dirname, '../../integration/support/ioredis-major.cjs')

/** Runs a script of ../processes on the built packages and on the major of ioredis under test. */
export function run(script: string, env: NodeJS.ProcessEnv = {}): Promise<NodeProcess> {
  const execArgv = process.env['IOREDIS'] === '6' ? ['--require', major] : []
  return runNode(join(__dirname, '../processes', script), { env, execArgv })
}
