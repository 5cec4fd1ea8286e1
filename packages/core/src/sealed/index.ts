/**
 * Seals what a transport carries, so that who may publish is not who may answer.
 *
 * @module server-events/sealed
 */

export { sealed } from './sealed'
export type { SealOptions } from './sealed'
