// Compiled and run by scripts/lib/consumer.mjs against the packed packages, as .mts and as .cts.
import { InMemorySpanExporter, NodeTracerProvider, SimpleSpanProcessor } from '@opentelemetry/sdk-trace-node'
import { MemoryTransport } from '@server-events/memory'
import { instrument } from '@server-events/opentelemetry'
import { ServerEvents } from 'server-events'

async function main(): Promise<void> {
  const spans = new InMemorySpanExporter()
  new NodeTracerProvider({ spanProcessors: [new SimpleSpanProcessor(spans)] }).register()
  const end: () => void = instrument()

  const events = new ServerEvents<{ order: []; report: [url: string] }>(new MemoryTransport(), { name: 'orders' })
  await events.listen('order', (id) => events.emit('report', id, '/42.pdf'))
  const wait = events.on('report', 42)
  await events.emit('order', 42)
  await wait
  instrument(events)()
  end()
  await events.emit('order', 43)
  await events.close()

  const names = spans.getFinishedSpans().map(({ name }) => name)
  const wanted = ['process order', 'receive report', 'send order', 'send report']
  if (names.sort().join() !== wanted.join()) throw new Error(names.join())
}

/** Never called. */
export function wrongCalls(events: ServerEvents): unknown[] {
  return [
    // @ts-expect-error -- not an instance
    instrument('orders'),
    // @ts-expect-error -- no such option
    instrument(events, { tracer: undefined }),
  ]
}

void main()
