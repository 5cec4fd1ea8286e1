/** What was done to one id, by whichever process, and how it ended. Times are of one clock for all. */
export interface Operation {
  /** `see` is a wait that settled, `read` a peek. */
  readonly kind: 'emit' | 'forget' | 'read' | 'see'
  /** What was emitted, read or seen; of a read that found nothing, undefined. */
  readonly value?: string | undefined
  /**
   * `settled` is AlreadySettledError. What is uncertain may or may not have happened, at any time after
   * its start. What is unkept (NotKeptError, never with once) was announced, and is uncertain as to the store.
   */
  readonly result: 'ok' | 'settled' | 'uncertain' | 'unkept'
  readonly start: number
  readonly end: number
}

export interface Rules {
  /** A register that is written once; else one of which the last value counts. */
  readonly once: boolean
  /**
   * What is sent again after a lost connection may take effect at each try: a `forget` in between can
   * be undone by it, or be repeated. Without a fault nothing is.
   */
  readonly again: boolean
  /** What is heard may not be stored yet: in a Cluster no master that is away holds up the others; never with once. */
  readonly early?: boolean
}

/** A value, or undefined for none. */
type State = string | undefined

/**
 * Whether the operations can be put into one order, each at a moment between its start and its end,
 * in which a register gives what was seen. Search with memory (Wing and Gong, Lowe).
 */
export function isLinearizable(operations: readonly Operation[], { once, again, early = false }: Rules): boolean {
  const all = operations
    .filter((operation) => once || !isHeardOnly(operation, operations, early))
    .map((operation) => ({
      ...operation,
      // What was announced may be heard at any time after it was held.
      start: operation.kind === 'see' ? -Infinity : operation.start,
      end: isDoubtful(operation) ? Infinity : operation.end,
    }))
  const visited = new Set<string>()

  function search(done: bigint, state: State): boolean {
    const left = all.flatMap((operation, index) => ((done >> BigInt(index)) & 1n ? [] : [{ operation, index }]))
    if (left.every(({ operation }) => isDoubtful(operation))) return true
    const at = `${done.toString(36)} ${state ?? '-'}`
    if (visited.has(at)) return false
    visited.add(at)
    const first = Math.min(...left.map(({ operation }) => operation.end))
    return left.some(({ operation, index }) => {
      if (operation.start > first) return false
      const next = apply(operation, state, once)
      if (next !== impossible && search(done | (1n << BigInt(index)), next)) return true
      const tried = again ? effectOf(operation, state, once) : state
      return tried !== state && search(done, tried)
    })
  }

  return search(0n, undefined)
}

function isDoubtful({ result }: Operation): boolean {
  return result === 'uncertain' || result === 'unkept'
}

/** Whether it heard of what was announced without being kept, which says nothing of the register. */
function isHeardOnly({ kind, value, end }: Operation, operations: readonly Operation[], early: boolean): boolean {
  const isOf = (emit: Operation): boolean =>
    emit.kind === 'emit' && (early || emit.result === 'unkept') && emit.value === value && emit.start < end
  return kind === 'see' && operations.some(isOf)
}

const impossible = Symbol('impossible')

function apply({ kind, value, result }: Operation, state: State, once: boolean): State | typeof impossible {
  switch (kind) {
    case 'forget':
      return undefined
    case 'read':
    case 'see':
      return state === value ? state : impossible
    case 'emit':
      if (!once) return value
      if (result === 'settled') return state !== undefined && state !== value ? state : impossible
      if (state === undefined || state === value) return value
      // Refused, and nobody was told.
      return result === 'uncertain' ? state : impossible
  }
}

/** What one try makes of the state that is not the last: its answer was lost. */
function effectOf({ kind, value }: Operation, state: State, once: boolean): State {
  if (kind === 'forget') return undefined
  if (kind !== 'emit') return state
  return once ? (state ?? value) : value
}
