import { existsSync } from 'node:fs'
import { eventually, startCluster, startSentinels } from '../src'
import type { RedisServer } from '../src'
import { command } from '../src/redis/command'

const left = (servers: readonly RedisServer[]): string[] =>
  servers.map(({ directory }) => directory).filter((directory) => existsSync(directory))

test('a Cluster: all slots, a replica of each master that takes over from it, and nothing left behind', async () => {
  const cluster = await startCluster()
  try {
    const [master] = cluster.masters as [RedisServer]
    const [replica, other] = cluster.replicas as [RedisServer, RedisServer]
    expect(await command(other, 'CLUSTER', 'INFO')).toMatch(/cluster_state:ok[^]*slots_ok:16384[^]*cluster_size:3/)
    await master.kill()
    await eventually(async () => (await command(replica, 'INFO', 'replication')).includes('role:master'), {
      timeout: 20_000,
    })
    // It is still one of them.
    await master.restart()
    await eventually(async () => (await command(master, 'INFO', 'replication')).includes('role:slave'), {
      timeout: 20_000,
    })
  } finally {
    await cluster.stop()
  }
  await cluster.stop()
  expect(left(cluster.nodes)).toEqual([])
})

test('Sentinels: they make the replica a master, whether the old one lives or not', async () => {
  const { name, servers, sentinels, stop } = await startSentinels({ password: 'secret' })
  try {
    const [one, two] = servers
    await command(sentinels[0] as RedisServer, 'SENTINEL', 'FAILOVER', name)
    for (const sentinel of sentinels)
      await eventually(async () => (await command(sentinel, 'INFO', 'sentinel')).includes(`:${two.port},slaves=1`), {
        timeout: 20_000,
      })
    expect(await command(sentinels[0] as RedisServer, 'INFO', 'sentinel')).not.toContain(`:${one.port},`)
  } finally {
    await stop()
  }
  expect(left([...servers, ...sentinels])).toEqual([])
})
