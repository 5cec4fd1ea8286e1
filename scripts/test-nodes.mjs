// Runs the tests of all packages on every supported Node: what a stack shows, when a collector runs and what a socket
// tells are Node's choice, and may change with it. `npm run test:nodes -- 26` runs one; `--record` keeps the results.
import { runJest } from './lib/jest.mjs'
import { installNodes, majors } from './lib/installs/nodes.mjs'
import { report } from './lib/record.mjs'

const ran = 'all packages, test/integration'

const asked = process.argv.slice(2).filter((word) => !word.startsWith('--'))
const unknown = asked.filter((word) => !majors.includes(Number(word)))
if (unknown.length > 0) throw new Error(`usage: npm run test:nodes [-- ${majors.join(' ')} --record]`)

const nodes = installNodes(asked.length === 0 ? majors : asked.map(Number))
for (const { version, node } of nodes) console.log(`Node ${version}: ${node}`)
/** @type {import('./lib/record.mjs').Row[]} */
const rows = []
for (const { major, version, node } of nodes) {
  console.log(`\nNode ${version}`)
  const { passed, failed, failures } = runJest(['packages', 'test/integration'], { node })
  rows.push({ subject: `Node ${major}`, version, ran, passed, failed })
  for (const failure of failures) console.log(`FAILED on Node ${version}: ${failure}`)
}
await report('nodes', rows)
