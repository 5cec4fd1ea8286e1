// Runs the tests of all packages on every supported Node, and the packed packages as strangers have them: what a stack
// shows, when a collector runs and what a socket tells are Node's choice, and may change with it. `npm run test:nodes --
// 26` runs one, `-- 22 24 packages/cli` a part of the tests; `--record` keeps the results of all.
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { root } from './lib/cache.mjs'
import { installing, running } from './lib/consumer.mjs'
import { runJest, sum } from './lib/jest.mjs'
import { installNodes, majors } from './lib/installs/nodes.mjs'
import { packAll } from './lib/pack.mjs'
import { report } from './lib/record.mjs'
import { messageOf } from './lib/run.mjs'

const ran = 'all packages, test/integration, the packed packages'

const words = process.argv.slice(2).filter((word) => !word.startsWith('--'))
const asked = words.filter((word) => majors.includes(Number(word)))
const part = words.filter((word) => existsSync(join(root, word)) && !asked.includes(word))
if (asked.length + part.length < words.length || (part.length > 0 && process.argv.includes('--record')))
  throw new Error(`usage: npm run test:nodes [-- ${majors.join(' ')} --record], or some of them and paths of tests`)

/**
 * @param {readonly import('./lib/consumer.mjs').Step[]} steps
 * @returns {Promise<import('./lib/jest.mjs').Result>}
 */
async function take(steps) {
  /** @type {string[]} */
  const failures = []
  for (const [title, step] of steps) {
    try {
      await step()
    } catch (error) {
      failures.push(`packed packages: ${title}: ${messageOf(error)}`)
    }
  }
  return { passed: steps.length - failures.length, failed: failures.length, failures }
}

const nodes = installNodes(asked.length === 0 ? majors : asked.map(Number))
for (const { version, node } of nodes) console.log(`Node ${version}: ${node}`)
const work = mkdtempSync(join(tmpdir(), 'server-events-nodes-'))
const consumer = join(work, 'consumer')
/** @type {import('./lib/record.mjs').Row[]} */
const rows = []
try {
  if (part.length === 0) for (const [, step] of installing(consumer, packAll(work))) await step()
  for (const { major, version, node } of nodes) {
    console.log(`\nNode ${version}`)
    const results =
      part.length > 0
        ? [runJest(part, { node })]
        : [await take(running(consumer, node)), runJest(['packages', 'test/integration'], { node })]
    const { passed, failed, failures } = sum(results)
    rows.push({ subject: `Node ${major}`, version, ran: part.join(', ') || ran, passed, failed })
    for (const failure of failures) console.log(`FAILED on Node ${version}: ${failure}`)
  }
} finally {
  rmSync(work, { recursive: true, force: true })
}
await report('nodes', rows)
