// Runs what talks to a server on newer servers than the system's: Redis, Valkey and NATS of later Debian suites.
// `npm run test:servers -- valkey@sid nats` runs some of them, `--newest` the newest of all together under the newest
// Node, in minutes; `--record` keeps the results in docs/compatibility.md.
import { suites, unpackServers } from './lib/installs/debian-servers.mjs'
import { runJest, sum } from './lib/jest.mjs'
import { installNodes, majors } from './lib/installs/nodes.mjs'
import { report } from './lib/record.mjs'
import { messageOf } from './lib/run.mjs'

/** @typedef {import('./lib/installs/debian-servers.mjs').Server} Server */

const names = { redis: 'Redis', valkey: 'Valkey', nats: 'NATS' }

const words = process.argv.slice(2).filter((word) => !word.startsWith('--'))
const isNewest = process.argv.includes('--newest')

/** @param {Server} server */
function isAsked({ kind, suite }) {
  return words.length === 0 || words.some((word) => [kind, suite, `${kind}@${suite}`].includes(word))
}

/** @returns {Server[]} */
function unpackAll() {
  try {
    return (isNewest ? suites.slice(-1) : suites).flatMap(unpackServers)
  } catch (error) {
    console.error(`test:servers is impossible here: ${messageOf(error)}`)
    process.exit(1)
  }
}

/** @param {Server} server */
function nameOf({ kind, suite }) {
  return `${names[kind]} of Debian ${suite}`
}

/** @param {Server} server */
function testsOf({ kind, binary }) {
  if (kind === 'nats') {
    const env = { NATS_SERVER: binary }
    return {
      ran: 'packages/nats, test/integration, test/docs',
      run: () => runJest(['packages/nats', 'test/integration', 'test/docs'], { env }),
    }
  }
  const env = { REDIS_SERVER: binary }
  return {
    ran: 'packages/redis, test/{integration,operations,docs}, faults on ioredis 5 and 6',
    run: () =>
      sum([
        runJest(['packages/redis', 'test/integration', 'test/operations', 'test/docs'], { env }),
        runJest(['--config', 'jest.faults.config.js'], { env }),
      ]),
  }
}

async function eachServer() {
  const servers = unpackAll().filter(isAsked)
  if (servers.length === 0) throw new Error('usage: npm run test:servers [-- redis valkey@sid … --newest --record]')
  for (const server of servers) console.log(`${nameOf(server)}: ${server.version}, ${server.binary}`)
  const rows = servers.map((server) => {
    console.log(`\n${nameOf(server)}, ${server.version}`)
    const { ran, run } = testsOf(server)
    const { passed, failed, failures } = run()
    for (const failure of failures) console.log(`FAILED on ${nameOf(server)}: ${failure}`)
    return { subject: nameOf(server), version: server.version, ran, passed, failed }
  })
  await report('servers', rows)
}

async function newestOfAll() {
  const servers = unpackAll()
  const [newest] = installNodes(majors.slice(-1))
  const valkey = servers.find(({ kind }) => kind === 'valkey')
  const nats = servers.find(({ kind }) => kind === 'nats')
  if (newest === undefined || valkey === undefined || nats === undefined) throw new Error('no newest of all')
  const version = `${valkey.version}, ${nats.version}, ${newest.version}`
  console.log(`Valkey ${valkey.version}, NATS ${nats.version}, Node ${newest.version}`)
  // What of the rest depends on the pace of a Cluster is for the run of each server.
  const tests = ['packages/nats', 'packages/redis/test/conformance', 'test/integration']
  const env = { REDIS_SERVER: valkey.binary, NATS_SERVER: nats.binary }
  const { passed, failed, failures } = runJest(tests, { node: newest.node, env })
  for (const failure of failures) console.log(`FAILED: ${failure}`)
  await report('servers', [
    { subject: 'Newest of all: Valkey, NATS, Node', version, ran: tests.join(', '), passed, failed },
  ])
}

await (isNewest ? newestOfAll() : eachServer())
