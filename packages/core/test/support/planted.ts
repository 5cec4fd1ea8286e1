import type * as core from 'server-events'
import { loadEngine } from '../../../../simulation/load-engine'

/** The source of core as it is, or with the given texts replaced: a fault that was mended, planted again. */
export function coreWith(...edits: [file: string, search: string, replace: string][]): typeof core {
  const planted = edits.map(([file, search, replace]) => ({ file, search, replace }))
  return loadEngine({}, { name: 'what was mended', edits: planted })
}
