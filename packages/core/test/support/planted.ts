import type * as core from 'server-events'
import { loadEngine } from '../../../../simulation/load-engine'

/** A text of a file of core, and what stands in its place. */
export type Edit = readonly [file: string, search: string, replace: string]

/** The source of core as it is, or with the given texts replaced: a fault that was mended, planted again. */
export function coreWith(...edits: readonly Edit[]): typeof core {
  const planted = edits.map(([file, search, replace]) => ({ file, search, replace }))
  return loadEngine({}, { name: 'what was mended', edits: planted })
}
