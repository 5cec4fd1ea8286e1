import { randomInt } from 'node:crypto'
import { createServer } from 'node:net'

/** What was given here before: the server of one may be down. */
const given = new Set<number>()

/**
 * A port that nobody listens on now. Below the range from which systems take the local ports of
 * outgoing connections, so that a server that is down keeps its port; and so few that the ports of
 * the cluster bus, 10,000 above, are below that range too and are no ports that this gives.
 */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = randomInt(12_000, 22_000)
    if (given.has(port) || !(await isFree(port))) continue
    given.add(port)
    return port
  }
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer()
    server.once('error', () => resolve(false))
    server.listen({ port, host: '127.0.0.1', exclusive: true }, () => server.close(() => resolve(true)))
  })
}
