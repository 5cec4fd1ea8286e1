import { readFile } from 'node:fs/promises'
import { createServer, request as forward } from 'node:http'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { join } from 'node:path'
import { listenOn } from './http'

const pages: Record<string, readonly [file: string, type: string]> = {
  '/': ['index.html', 'text/html; charset=utf-8'],
  '/app.js': ['app.js', 'text/javascript; charset=utf-8'],
  '/code.js': ['code.js', 'text/javascript; charset=utf-8'],
  '/elements.js': ['elements.js', 'text/javascript; charset=utf-8'],
  '/work.js': ['work.js', 'text/javascript; charset=utf-8'],
  '/chart.js': ['chart.js', 'text/javascript; charset=utf-8'],
  '/style.css': ['style.css', 'text/css; charset=utf-8'],
}

const security = {
  'content-security-policy':
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src data:; connect-src 'self'; " +
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  'x-content-type-options': 'nosniff',
}

export interface Front {
  readonly url: string
  /** Takes no more requests; resolves when those it has are answered. */
  stop(): Promise<void>
}

export interface FrontOptions {
  /** 0 takes a free one. */
  readonly port: number
  readonly apiPorts: readonly number[]
  /** What the page tells about the servers behind it. */
  readonly about: object
  /** What a `POST` to a path does, for who wants to see faults. */
  readonly faults: Readonly<Record<string, () => unknown>>
  /** Takes over a response that is to tell of the worker. */
  readonly watch: (response: ServerResponse) => void
}

/** What people reach, as nginx would be: the page, and `/api/` handed to the API servers in turn. */
export async function startFront({ port, apiPorts, about, faults, watch }: FrontOptions): Promise<Front> {
  let requests = 0
  const server = createServer((request, response) => {
    const { pathname } = new URL(request.url ?? '/', 'http://front')
    if (pathname.startsWith('/api/')) {
      pass(request, response, apiPorts[requests++ % apiPorts.length] as number)
    } else if (request.method === 'POST' && Object.hasOwn(faults, pathname)) {
      void fault(faults[pathname], request, response)
    } else if (request.method !== 'GET' && request.method !== 'HEAD') {
      response.writeHead(405).end()
    } else if (pathname === '/about.json') {
      response.writeHead(200, { ...security, 'content-type': 'application/json' }).end(JSON.stringify(about))
    } else if (pathname === '/worker') {
      watch(response.writeHead(200, { ...security, 'content-type': 'text/event-stream', 'cache-control': 'no-store' }))
    } else {
      void serve(pathname, response)
    }
  })
  const url = `http://127.0.0.1:${await listenOn(server, port)}/`
  return {
    url,
    async stop() {
      const closed = new Promise((resolve) => server.close(resolve))
      server.closeIdleConnections()
      await closed
    },
  }
}

/** Not for a page of somebody else, which may send a POST but not hide where it comes from. */
async function fault(
  make: (() => unknown) | undefined,
  { headers }: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const allowed = !/cross-site|same-site/.test(String(headers['sec-fetch-site']))
  if (allowed) await make?.()
  response.writeHead(allowed ? 204 : 403).end()
}

function pass(request: IncomingMessage, response: ServerResponse, port: number): void {
  const { method, url: path, headers } = request
  const onward = forward({ host: '127.0.0.1', port, method, path, headers }, (answer) => {
    response.writeHead(answer.statusCode ?? 502, answer.headers)
    answer.pipe(response)
  })
  onward.on('error', () => {
    if (!response.headersSent) response.writeHead(502)
    response.end()
  })
  response.on('close', () => onward.destroy())
  request.pipe(onward)
}

async function serve(pathname: string, response: ServerResponse): Promise<void> {
  const page = Object.hasOwn(pages, pathname) ? pages[pathname] : undefined
  if (!page) {
    response.writeHead(404).end()
    return
  }
  const [file, type] = page
  const content = await readFile(join(__dirname, '../public', file))
  response.writeHead(200, { ...security, 'content-type': type, 'cache-control': 'no-cache' }).end(content)
}
