import { metrics, SpanStatusCode, trace } from '@opentelemetry/api'
import type { Tracer } from '@opentelemetry/api'
import { resourceFromAttributes } from '@opentelemetry/resources'
import {
  AggregationTemporality,
  InMemoryMetricExporter,
  MeterProvider,
  PeriodicExportingMetricReader,
} from '@opentelemetry/sdk-metrics'
import { InMemorySpanExporter, NodeTracerProvider, SimpleSpanProcessor } from '@opentelemetry/sdk-trace-node'
import { ATTR_SERVICE_NAME } from '@opentelemetry/semantic-conventions'
import type { Measured, Recorded, Report } from './report'

export interface Telemetry {
  readonly tracer: Tracer
  /** All that was recorded. */
  readonly report: () => Promise<Report>
}

/**
 * The SDK of one process. In memory, so that `main` can show both processes as one; in production OTLP exporters stand
 * in the place of the two exporters, and a BatchSpanProcessor in that of the simple one.
 */
export function startTelemetry(service: string): Telemetry {
  const resource = resourceFromAttributes({ [ATTR_SERVICE_NAME]: service })
  const spans = new InMemorySpanExporter()
  const tracerProvider = new NodeTracerProvider({ resource, spanProcessors: [new SimpleSpanProcessor(spans)] })
  // Also takes AsyncLocalStorage for the context, and `traceparent` headers to carry it.
  tracerProvider.register()

  const exporter = new InMemoryMetricExporter(AggregationTemporality.CUMULATIVE)
  const meterProvider = new MeterProvider({ resource, readers: [new PeriodicExportingMetricReader({ exporter })] })
  metrics.setGlobalMeterProvider(meterProvider)

  return {
    tracer: trace.getTracer('reports'),
    async report() {
      await tracerProvider.forceFlush()
      await meterProvider.forceFlush()
      const report = { spans: spans.getFinishedSpans().map(recorded(service)), metrics: measured(service, exporter) }
      await Promise.all([tracerProvider.shutdown(), meterProvider.shutdown()])
      return report
    },
  }
}

type Finished = ReturnType<InMemorySpanExporter['getFinishedSpans']>[number]

const recorded =
  (service: string) =>
  (span: Finished): Recorded => ({
    service,
    name: span.name,
    kind: span.kind,
    attributes: span.attributes,
    failed: span.status.code === SpanStatusCode.ERROR,
    traceId: span.spanContext().traceId,
    spanId: span.spanContext().spanId,
    parentSpanId: span.parentSpanContext?.spanId,
    links: span.links.map(({ context: { spanId } }) => spanId),
    start: span.startTime[0] * 1e3 + span.startTime[1] / 1e6,
    ms: span.duration[0] * 1e3 + span.duration[1] / 1e6,
  })

/** What is told here; the package has more. */
const shown = /^messaging\.|\.pending$/

function measured(service: string, exporter: InMemoryMetricExporter): Measured[] {
  const latest = exporter.getMetrics().at(-1)?.scopeMetrics ?? []
  return latest.flatMap(({ metrics }) =>
    metrics
      .filter(({ descriptor: { name } }) => shown.test(name))
      .flatMap(({ descriptor: { name, unit }, dataPoints }) =>
        dataPoints.map(({ attributes, value }) => {
          const count = typeof value === 'object' ? value.count : value
          const sum = typeof value === 'object' && 'sum' in value ? value.sum : undefined
          return { service, name, unit, attributes, count, sum }
        }),
      ),
  )
}
