/**
 * What a transport must do, as tests that run against it.
 *
 * @module @server-events/conformance
 */

export { transportConformance } from './transport-conformance'
export type { ConformanceHub, ConformanceOptions, Forbidden, Register } from './options'
