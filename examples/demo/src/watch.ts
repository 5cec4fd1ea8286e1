import type { ServerResponse } from 'node:http'
import type { ServerEvents } from 'server-events'
import type { DemoEvents } from './events'

/** What the page sees of the worker, as Server-Sent Events. */
export interface Watch {
  add(response: ServerResponse): void
  /** Tells that the worker is no more, and with it what it was doing. */
  killed(): void
  stop(): Promise<void>
}

export async function startWatch(events: ServerEvents<DemoEvents>): Promise<Watch> {
  const responses = new Set<ServerResponse>()
  const tell = (event: string, data: object): void => {
    for (const response of responses) response.write(`event: ${event}\ndata: ${JSON.stringify(data)}\n\n`)
  }
  await events.init()
  await events.listen('work', (id, work) => tell('work', { id, ...work }))
  return {
    add(response) {
      responses.add(response)
      response.once('close', () => responses.delete(response))
      response.write('retry: 500\n\n')
    },
    killed: () => tell('killed', {}),
    async stop() {
      for (const response of responses) response.end()
      await events.close()
    },
  }
}
