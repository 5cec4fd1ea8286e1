/**
 * Traces and metrics of server-events for OpenTelemetry.
 *
 * @module @server-events/opentelemetry
 */

export { instrument } from './instrument'
export type { InstrumentOptions } from './instrument'
