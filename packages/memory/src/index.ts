/**
 * The transport within one process, for tests.
 *
 * @module @server-events/memory
 */

export { MemoryHub } from './hub'
export { MemoryTransport } from './memory-transport'
export type { MemoryTransportOptions } from './memory-transport'
