export { transportConformance } from './transport-conformance'
export type { ConformanceHub, ConformanceOptions, Register } from './options'
