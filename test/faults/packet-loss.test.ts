import { join } from 'node:path'
import { runNode } from '@server-events/testing'
import { makeNamespace } from './support/namespace'
import { everything } from './support/options'

const hooks = [join(__dirname, '../../simulation/typescript.cjs')]
if (process.env['IOREDIS'] === '6') hooks.push(join(__dirname, '../integration/support/ioredis-major.cjs'))

// Not in `npm test`, which should not install what it needs.
;(everything ? test : test.skip)(
  '20 % packet loss both ways: kept waits get everything, plain ones what comes after',
  async () => {
    const namespace = await makeNamespace()
    if (typeof namespace === 'string') {
      process.stderr.write(`\n*** 20 % packet loss DID NOT RUN, nothing is proven about it here: ${namespace}\n\n`)
      return
    }
    try {
      const child = await runNode(join(__dirname, 'processes/packet-loss.ts'), {
        node: 'ip',
        execArgv: ['netns', 'exec', namespace.name, process.execPath, ...hooks.flatMap((hook) => ['-r', hook])],
      })
      try {
        const result = await child.line('RESULT', 150_000)
        process.stdout.write(`${child.lines.join('\n')}\n`)
        const { problems, dropped } = JSON.parse(result.replace('RESULT ', '')) as {
          problems: string[]
          dropped: number
        }
        expect(problems).toEqual([])
        // The fault was there.
        expect(dropped).toBeGreaterThan(100)
        expect(await child.exited).toBe(0)
      } finally {
        await child.kill()
      }
    } finally {
      await namespace.remove()
    }
  },
  240_000,
)
