import type { Target } from '../connect'

/** What a doctor is told. */
export interface DoctorFlags extends Target {
  /** Names whose channels and keys are tried. */
  readonly name?: readonly string[]
  /** What the process does; both by default. */
  readonly side?: 'emit' | 'wait'
  readonly keep: boolean
  /** In bytes. */
  readonly maxPayload: number
  /** In ms. */
  readonly listen: number
}
