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

/** What is instrumented, by how many calls. */
interface Running {
  readonly instance: string | number | undefined
  readonly tracers: Pick<TracerProvider, 'getTracer'>
  readonly meters: Pick<MeterProvider, 'getMeter'>
  readonly end: () => void
  calls: number
}

const running = new Set<Running>()

/**
 * Makes spans and metrics of what one ServerEvents does, or all of this process, also those that are made later.
 * Register the SDK before, and call it before the first wait and emit: what began earlier has no span. Called again for
 * the same, with the same providers, it goes on until all calls were ended.
 *
 * @param events the one; all without it. One that is instrumented both ways is told twice
 * @param options other providers than the global ones
 * @returns ends it. Spans of what pends then are not ended.
 */
export function instrument(
  events?: { readonly instance: string | number },
  { tracerProvider: tracers = trace, meterProvider: meters = metrics }: InstrumentOptions = {},
): () => void {
  const instance = events?.instance
  const isSame = (it: Running): boolean => it.instance === instance && it.tracers === tracers && it.meters === meters
  const one = [...running].find(isSame) ?? {
    instance,
    tracers,
    meters,
    end: begin(instance, tracers, meters),
    calls: 0,
  }
  one.calls++
  running.add(one)
  let isEnded = false
  return () => {
    if (isEnded) return
    isEnded = true
    if (--one.calls > 0) return
    running.delete(one)
    one.end()
  }
}

function begin(instance: Running['instance'], tracers: Running['tracers'], meters: Running['meters']): () => void {
  const channels = new Channels(instance)
  traceBy(tracers.getTracer(SCOPE), channels)
  const stop = measureBy(meters.getMeter(SCOPE), channels)
  return () => {
    channels.close()
    stop()
  }
}
