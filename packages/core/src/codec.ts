import type { Args } from './event-map'
import { SerializationError } from './errors'

/** Turns the args of an event into what travels, and back. */
export interface Codec {
  /** May throw: the emit then rejects with SerializationError. */
  encode(args: Args): string | Uint8Array
  /** May throw: the message is then reported on `onerror` and dropped. Must return an array. */
  decode(body: string | Uint8Array): Args
}

/**
 * The default codec: a JSON array. What JSON loses it loses (`undefined` becomes `null`, a Date its
 * string, a Map `{}`); what JSON refuses it refuses, naming the argument.
 */
export const jsonCodec: Codec = {
  encode(args) {
    try {
      return JSON.stringify(args)
    } catch (error) {
      throw new SerializationError(refusal(args, error))
    }
  },
  decode(body) {
    return JSON.parse(typeof body === 'string' ? body : new TextDecoder().decode(body)) as Args
  },
}

function refusal(args: Args, error: unknown): string {
  const index = args.findIndex((arg) => !isJson(arg))
  const argument = index === -1 ? 'the args hold' : `argument ${index + 1} holds`
  const what =
    error instanceof RangeError
      ? 'more than JSON can hold'
      : holdsBigint(args[index])
        ? 'a BigInt'
        : 'a cycle, or an object whose toJSON or getter throws'
  return `${argument} ${what}, which JSON cannot carry: send plain data, or set option codec`
}

function isJson(value: unknown): boolean {
  try {
    JSON.stringify(value)
    return true
  } catch {
    return false
  }
}

function holdsBigint(value: unknown, seen = new Set<unknown>()): boolean {
  if (typeof value === 'bigint') return true
  if (typeof value !== 'object' || value === null || seen.has(value)) return false
  seen.add(value)
  try {
    return Object.values(value).some((inner) => holdsBigint(inner, seen))
  } catch {
    // A getter of it throws.
    return false
  }
}
