/*
 * Runs inside a network namespace: the server, the waits and the emits, with every fifth packet
 * lost for a while. Tells what came of it on its last line.
 */
import { execFile } from 'node:child_process'
import { setTimeout as delay } from 'node:timers/promises'
import { promisify } from 'node:util'
import type { Fault } from '../support/faults'
import { lossRule } from '../support/namespace'
import { playKept, playPlain } from '../support/play'

const run = promisify(execFile)
const duration = 5_000
const unhandled: unknown[] = []
process.on('unhandledRejection', (reason) => unhandled.push(reason))
let dropped = 0

const loss: Fault = {
  name: '20 % of the packets lost both ways',
  lasts: duration,
  strike: async () => {
    await run('iptables', lossRule('-A'))
    await delay(duration)
    const { stdout } = await run('iptables', ['-L', 'INPUT', '-v', '-x', '-n'])
    dropped += Number(/^ *(\d+) .*DROP/m.exec(stdout)?.[1])
    await run('iptables', lossRule('-D'))
  },
}

async function main(): Promise<void> {
  // Longer than a packet that is sent again twice.
  const transport = { heartbeat: 1_000, publishTimeout: 2_000, subscribeTimeout: 2_000, connectTimeout: 3_000 }
  const kept = await playKept(loss, { transport, patience: 60_000 })
  const plain = await playPlain(loss, { transport })
  const problems = [...kept.problems, ...plain.problems, ...unhandled.map((reason) => `unhandled: ${String(reason)}`)]
  process.stdout.write(`RESULT ${JSON.stringify({ problems, dropped })}\n`)
}

void main()
