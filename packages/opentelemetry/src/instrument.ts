import { metrics, trace } from '@opentelemetry/api'
import type { MeterProvider, TracerProvider } from '@opentelemetry/api'
import { Channels } from './channels'
import { measureBy } from './measuring'
import { traceBy } from './tracing'

/** Where spans and metrics go. */
export interface InstrumentOptions {
  /** The global one by default. */
  readonly tracerProvider?: TracerProvider | undefined
  /** The global one by default. */
  readonly meterProvider?: MeterProvider | undefined
}

const SCOPE = '@server-events/opentelemetry'

/**
 * Makes spans and metrics of what one ServerEvents does, or all of this process, also those that are made later.
 * Register the SDK before, and call it before the first wait and emit: what began earlier has no span.
 *
 * @param events the one; all without it. One that is instrumented both ways is told twice
 * @param options other providers than the global ones
 * @returns ends it. Spans of what pends then are not ended.
 */
export function instrument(
  events?: { readonly instance: string | number },
  { tracerProvider, meterProvider }: InstrumentOptions = {},
): () => void {
  const channels = new Channels(events?.instance)
  traceBy((tracerProvider ?? trace).getTracer(SCOPE), channels)
  const stop = measureBy((meterProvider ?? metrics).getMeter(SCOPE), channels)
  return () => {
    channels.close()
    stop()
  }
}
