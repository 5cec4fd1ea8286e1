export { MemoryHub } from './hub'
export { MemoryTransport } from './memory-transport'
export type { MemoryTransportOptions } from './memory-transport'
