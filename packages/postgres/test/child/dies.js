// Commits outcomes when it is told to by SIGUSR2, and dies before anybody is told of them: in `transaction` or `using`,
// as the first argument says, under the name of the same.
const { PostgresTransport } = require('@server-events/postgres')
const { Client } = require('pg')
const { ServerEvents } = require('server-events')

const [how, url, count] = process.argv.slice(2)

async function main() {
  const transport = new PostgresTransport(url)
  const events = new ServerEvents(transport, { keep: { [how]: 60_000 } })
  const client = new Client(url)
  await client.connect()
  // It holds the process until then.
  const told = new Promise((resolve) => process.once('SIGUSR2', resolve))
  const timer = setInterval(() => {}, 1_000)

  const emits = async () => {
    for (let id = 0; id < Number(count); id++) await events.emit(how, id, 'committed')
    console.log('stored')
    await told
    clearInterval(timer)
  }
  if (how === 'using') {
    await client.query('BEGIN')
    await transport.using(client, emits)
    await client.query('COMMIT')
    process.kill(process.pid, 'SIGKILL')
  }
  const dying = {
    async query(sql) {
      const result = await client.query(sql)
      if (sql === 'COMMIT') process.kill(process.pid, 'SIGKILL')
      return result
    },
  }
  await transport.transaction(dying, emits)
}

void main()
