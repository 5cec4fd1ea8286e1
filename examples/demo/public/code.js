/** The line of the demo's source that made an answer, and the file that it is in. A test looks each up. */
export const code = {
  done: ['src/api-server.ts', "await events.request('report', order, { timeout: patience, signal: gone })"],
  kept: ['src/api-server.ts', "await events.on('report', id, { timeout: patience, signal: gone })"],
  cut: ['src/events.ts', 'const keep = { report: 60_000 }'],
  failed: ['src/worker.ts', "await events.fail('report', id, error)"],
  late: ['src/api-server.ts', 'if (error instanceof TimeoutError) {'],
  left: ['src/api-server.ts', "response.once('close', () => gone.abort())"],
  stopped: ['src/worker.ts', "using wanted = events.wanted('report', id, attention)"],
}
