import {
  AggregationTemporality,
  InMemoryMetricExporter,
  MeterProvider,
  PeriodicExportingMetricReader,
} from '@opentelemetry/sdk-metrics'
import { InMemorySpanExporter, NodeTracerProvider, SimpleSpanProcessor } from '@opentelemetry/sdk-trace-node'
import type { ReadableSpan } from '@opentelemetry/sdk-trace-node'

export interface Recorded {
  readonly meterProvider: MeterProvider
  readonly tracerProvider: NodeTracerProvider
  /** Those that have ended, by name and id. */
  span(name: string, id?: string): ReadableSpan
  spans(): readonly ReadableSpan[]
  /** Each metric with a set of attributes, a line: name, values of the attributes, count or value. */
  metrics(): Promise<string[]>
  clear(): void
}

/** The SDK, with exporters in memory; registered with the context manager of Node, if it is not to be given by hand. */
export function startRecording({ register } = { register: true }): Recorded {
  const spans = new InMemorySpanExporter()
  const tracerProvider = new NodeTracerProvider({ spanProcessors: [new SimpleSpanProcessor(spans)] })
  if (register) tracerProvider.register()
  const exporter = new InMemoryMetricExporter(AggregationTemporality.DELTA)
  const meterProvider = new MeterProvider({ readers: [new PeriodicExportingMetricReader({ exporter })] })
  return {
    tracerProvider,
    meterProvider,
    spans: () => spans.getFinishedSpans(),
    span(name, id) {
      const found = spans
        .getFinishedSpans()
        .filter(
          (it) => it.name === name && (id === undefined || it.attributes['messaging.message.conversation_id'] === id),
        )
      if (found.length !== 1) throw new Error(`${found.length} spans ${name} ${id ?? ''}`)
      return found[0] as ReadableSpan
    },
    async metrics() {
      await meterProvider.forceFlush()
      const all = exporter.getMetrics().flatMap(({ scopeMetrics }) => scopeMetrics.flatMap(({ metrics }) => metrics))
      exporter.reset()
      return all
        .flatMap(({ descriptor: { name }, dataPoints }) =>
          dataPoints.map(({ attributes, value }) => {
            const amount = typeof value === 'object' ? value.count : value
            return [name, ...Object.values(attributes), amount].join(' ')
          }),
        )
        .sort()
    },
    clear: () => spans.reset(),
  }
}
