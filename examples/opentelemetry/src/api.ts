import { once } from 'node:events'
import { createServer } from 'node:http'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { SpanKind } from '@opentelemetry/api'
import { instrument } from '@server-events/opentelemetry'
import { RemoteError, TimeoutError } from 'server-events'
import { connect } from './contract'
import { startTelemetry } from './telemetry'

async function main(): Promise<void> {
  const { tracer, report } = startTelemetry('api')
  instrument()
  const events = connect({ listen: ['report'], timeout: 300 })
  await events.init()

  /** POST /reports/<id>?pages=<number> */
  async function make(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { pathname, searchParams } = new URL(request.url ?? '', 'http://api')
    const id = pathname.split('/').at(-1) ?? ''
    try {
      const order = (): Promise<void> => events.emit('order', id, Number(searchParams.get('pages')))
      const [url] = await events.request('report', order, { id })
      response.end(url)
    } catch (error) {
      response.statusCode = error instanceof RemoteError ? 502 : error instanceof TimeoutError ? 504 : 503
      response.end((error as Error).message)
    }
  }

  const server = createServer((request, response) => {
    // By hand; @opentelemetry/instrumentation-http does this for you.
    tracer.startActiveSpan('POST /reports/:id', { kind: SpanKind.SERVER }, (span) => {
      void make(request, response).finally(() => span.end())
    })
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  console.log(`listening on http://127.0.0.1:${(server.address() as AddressInfo).port}`)

  process.once('SIGTERM', () => {
    server.close()
    server.closeAllConnections()
    void events
      .close()
      .then(report)
      .then((all) => console.log(JSON.stringify(all)))
  })
}

void main()
