import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import fastify from 'fastify'
import { RemoteError, TimeoutError } from 'server-events'
import { connect } from './contract'
import type { Job, Progress } from './contract'

/** How long a job may be silent before it is taken for lost, in ms. Below what proxies allow an idle response. */
const patience = Number(process.env['PATIENCE'] ?? 3_000)

const events = connect({ listen: ['progress'], timeout: patience })
const app = fastify()

const count = { type: 'integer', minimum: 1, maximum: 100_000 }
const job = {
  type: 'object',
  required: ['rows'],
  properties: { rows: count, pace: { ...count, maximum: 1_000 }, broken: count, silent: count },
}

app.post<{ Body: Job }>('/jobs', { schema: { body: job } }, async (request, reply) => {
  const id = events.createId()
  await events.emit('start', id, request.body)
  return reply.code(202).header('location', `/jobs/${id}/progress`).send({ id })
})

app.delete<{ Params: { id: string } }>('/jobs/:id', async (request, reply) => {
  await events.emit('cancel', request.params.id)
  return reply.code(202).send({})
})

app.get<{ Params: { id: string } }>('/jobs/:id/progress', (request, reply) => {
  const gone = new AbortController()
  reply.raw.once('close', () => gone.abort())
  return reply
    .headers({
      'content-type': 'text/event-stream',
      'cache-control': 'no-store',
      'x-accel-buffering': 'no',
      // When this server stops, `close` ends idle connections only, and this one would become idle just after.
      connection: 'close',
    })
    .send(Readable.from(messages(request.params.id, gone.signal)))
})

/** The progress of a job as Server-Sent Events, and how it ended. */
async function* messages(id: string, signal: AbortSignal): AsyncGenerator<string> {
  // At once, so that the browser knows that it is connected, and comes back soon if it is not any more.
  yield 'retry: 500\n\n'
  try {
    const until = ({ done, total }: Progress): boolean => done === total
    for await (const [progress] of events.stream('progress', id, { until, signal })) {
      yield message('progress', progress)
    }
    yield message('end', { outcome: 'done' })
  } catch (error) {
    if (error instanceof RemoteError) {
      const { message: why, remoteCode, data } = error
      yield message('end', { outcome: 'failed', why, code: remoteCode, data })
    } else if (error instanceof TimeoutError) {
      yield message('end', { outcome: 'lost', why: `Taken for lost: no step came for ${patience / 1_000} seconds` })
    }
    // Else nobody is there any more, or this server stops or cannot hear. Without an end the browser connects again,
    // wherever it is sent to, and goes on with the step that is kept.
  }
}

const message = (event: string, data: object): string => `event: ${event}\ndata: ${JSON.stringify(data)}\n\n`

app.get('/stats', () => events.stats())

for (const [path, file, type] of [
  ['/', 'index.html', 'text/html'],
  ['/app.js', 'app.js', 'text/javascript'],
  ['/chart.js', 'chart.js', 'text/javascript'],
  ['/style.css', 'style.css', 'text/css'],
] as const) {
  app.get(path, async (_request, reply) =>
    reply
      .headers({
        'content-type': `${type}; charset=utf-8`,
        'cache-control': 'no-cache',
        'content-security-policy':
          "default-src 'none'; script-src 'self'; style-src 'self'; img-src data:; connect-src 'self'; " +
          "base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
        'x-content-type-options': 'nosniff',
      })
      .send(await readFile(join(__dirname, '../public', file))),
  )
}

async function main(): Promise<void> {
  await events.init()
  const address = await app.listen({ host: '127.0.0.1', port: Number(process.env['PORT'] ?? 3000) })
  console.log(`listening on ${address}`)

  let stopping = false
  const stop = async (): Promise<void> => {
    if (stopping) return
    stopping = true
    // Without a drain: it would wait for the last of the jobs. The browsers go on elsewhere.
    await events.close()
    const closed = app.close()
    // Ends idle connections, but not those that a browser opens in advance and has not used yet.
    setTimeout(() => app.server.closeAllConnections(), 500).unref()
    await closed
  }
  process.on('SIGTERM', () => void stop())
  process.on('SIGINT', () => void stop())
}

void main()
