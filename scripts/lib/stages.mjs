// A server behind a proxy for a program that is not a Node: it asks for faults over HTTP.
import { existsSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { NatsTransport } from '@server-events/nats'
import { postgresMigration, PostgresTransport } from '@server-events/postgres'
import { RedisTransport } from '@server-events/redis'
import { startNats, startPostgres, startProxy, startRedis } from '@server-events/testing'
import pg from 'pg'
import { ServerEvents } from 'server-events'

/**
 * @typedef {'memory' | 'redis' | 'nats' | 'postgres'} Kind
 * @typedef {{ env: Record<string, string>, stop: () => Promise<void> }} Stage `env` is what a program is told of it
 * @typedef {Record<string, (parameters: URLSearchParams) => unknown>} Faults by their names
 */

const kinds = {
  redis: {
    start: () => startRedis(),
    transport: (/** @type {string} */ url) => new RedisTransport(url),
  },
  nats: {
    start: () => startNats(),
    transport: (/** @type {string} */ url) => new NatsTransport(url),
  },
  postgres: {
    start: async () => {
      const server = await startPostgres()
      const client = new pg.Client(server.url)
      await client.connect()
      await client.query(postgresMigration())
      await client.end()
      return server
    },
    transport: (/** @type {string} */ url) => new PostgresTransport(url),
  },
}

/** One that has all that keeping outcomes takes. @param {keyof typeof kinds} kind */
export function startServer(kind) {
  return kinds[kind].start()
}

/** @param {Kind} kind @returns {Promise<Stage>} */
export async function startStage(kind) {
  if (kind === 'memory') return { env: { STAGE: kind }, stop: () => Promise.resolve() }
  const { transport } = kinds[kind]
  const server = await startServer(kind)
  const proxy = await startProxy(server)
  // The other process: beside the proxy, so that no fault reaches it.
  const peer = new ServerEvents(transport(server.url))
  peer.onerror(() => undefined)
  const url = new URL(server.url)
  url.port = String(proxy.port)
  const control = await serve({
    down() {
      proxy.refuse()
      proxy.cut()
    },
    up: () => proxy.accept(),
    blackhole: () => proxy.blackhole(),
    heal() {
      proxy.heal()
      // No network loses bytes in the midst of a connection that goes on.
      proxy.cut()
    },
    kill: () => server.kill(),
    restart: () => server.restart(),
    'emit-when'(parameters) {
      const [name = '', id = '', file = ''] = ['name', 'id', 'file'].map((key) => parameters.get(key) ?? '')
      // Who blocks its event loop can tell and be told by files only.
      const look = setInterval(() => {
        if (!existsSync(`${file}.go`)) return
        clearInterval(look)
        void peer.emit(name, id, 'done').then(() => writeFileSync(`${file}.done`, ''))
      }, 20)
    },
  })
  return {
    env: { STAGE: kind, SERVER: url.href, CONTROL: control.url },
    async stop() {
      control.close()
      await peer.close()
      await proxy.close()
      await server.stop()
    },
  }
}

/** @param {Faults} faults @returns {Promise<{ url: string, close: () => void }>} */
async function serve(faults) {
  const server = createServer((request, response) => {
    const { pathname, searchParams } = new URL(request.url ?? '/', 'http://localhost')
    Promise.resolve()
      .then(() => {
        const fault = faults[pathname.slice(1)]
        if (fault === undefined) throw new Error(`no fault ${pathname}`)
        return fault(searchParams)
      })
      .then(
        () => response.end('struck'),
        (/** @type {unknown} */ error) => response.writeHead(500).end(String(error)),
      )
  })
  await new Promise((resolve) => server.listen(0, '127.0.0.1', () => resolve(undefined)))
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('no port')
  return {
    url: `http://127.0.0.1:${address.port}`,
    close() {
      server.close()
      server.closeAllConnections()
    },
  }
}
