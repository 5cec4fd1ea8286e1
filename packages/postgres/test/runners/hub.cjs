// What the conformance kit tries, under jest and under node:test: on a server of its own, each hub with a prefix.
const { startPostgres, startProxy } = require('@server-events/testing')
const { postgresMigration, PostgresTransport } = require('@server-events/postgres')
const { Client } = require('pg')

/** In ms; well below what the kit waits for, and above what a busy machine takes for a large event. */
const impatient = { publishTimeout: 10_000, heartbeat: 700, subscribeTimeout: 1_500, connectTimeout: 3_000 }

const [right, wrong] = ['hunter-right', 'hunter-wrong']

let postgres
let proxy
let hubs = 0

async function execute(sql) {
  const client = new Client(postgres.url)
  await client.connect()
  try {
    await client.query(sql)
  } finally {
    await client.end()
  }
}

/** `folder` is where its programs are, if it has to be a certain version. */
async function start(folder) {
  postgres = await startPostgres(folder === undefined ? {} : { folder })
  await execute(
    `${postgresMigration()}; CREATE ROLE app LOGIN PASSWORD '${right}';
     GRANT SELECT, INSERT, UPDATE, DELETE ON server_events_outcomes TO app`,
  )
  proxy = await startProxy(postgres)
  return postgres.major
}

async function stop() {
  await proxy?.close()
  await postgres?.stop()
}

function createHub() {
  const prefix = `hub${++hubs}`
  const connect = (password) =>
    // The kit looks at a hub before the server runs.
    new PostgresTransport(`postgres://app:${password}@127.0.0.1:${proxy?.port ?? 1}/postgres`, { ...impatient, prefix })
  return {
    connect: () => connect(right),
    unauthorized: () => connect(wrong),
    secrets: [right, wrong],
    interrupt: () =>
      execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'server-events'"),
    freeze: () => postgres.pause(),
    thaw: () => postgres.resume(),
    stop: () => {
      proxy?.refuse()
      proxy?.cut()
    },
    start: () => proxy?.accept(),
    close: () => {},
  }
}

module.exports = { createHub, start, stop }
