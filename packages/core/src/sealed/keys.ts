import { createSecretKey, hkdfSync, randomBytes, type KeyObject } from 'node:crypto'
import { InvalidArgumentError } from '../errors'

/** A secret or key is at least this long, in bytes. */
const SHORTEST_SECRET = 16
export const SALT_BYTES = 16
const KEY_BYTES = 32

/** Whoever may publish can make up salts: only so many of their keys are remembered. */
const REMEMBERED_SALTS = 1_000

/** The key of one process: its salt travels with what it seals, so that no two processes share a counter. */
export interface Key {
  readonly salt: Uint8Array
  readonly key: KeyObject
}

/** Derives keys (HKDF with SHA-256, RFC 5869) from secrets: the first one seals, all of them open. */
export class Keys {
  readonly sealing: Key
  readonly #secrets: readonly Uint8Array[]
  readonly #opening = new Map<string, readonly KeyObject[]>()
  /** Of the last one: most that comes is of few processes. */
  #latest: { readonly salt: Uint8Array; readonly keys: readonly KeyObject[] } | undefined

  /** @throws InvalidArgumentError */
  constructor(secrets: unknown) {
    this.#secrets = checkSecrets(secrets)
    const salt = randomBytes(SALT_BYTES)
    this.sealing = { salt, key: derive(this.#secrets[0] as Uint8Array, salt) }
  }

  /** The keys that may have sealed what came with this salt, in the order of the secrets. */
  opening(salt: Buffer): readonly KeyObject[] {
    if (this.#latest !== undefined && salt.equals(this.#latest.salt)) return this.#latest.keys
    const text = salt.toString('latin1')
    let keys = this.#opening.get(text)
    if (keys === undefined) {
      keys = this.#secrets.map((secret) => derive(secret, salt))
      if (this.#opening.size >= REMEMBERED_SALTS) this.#opening.clear()
      this.#opening.set(text, keys)
    }
    this.#latest = { salt: new Uint8Array(salt), keys }
    return keys
  }
}

function derive(secret: Uint8Array, salt: Uint8Array): KeyObject {
  return createSecretKey(new Uint8Array(hkdfSync('sha256', secret, salt, 'server-events sealed 1', KEY_BYTES)))
}

function checkSecrets(secrets: unknown): readonly Uint8Array[] {
  if (!Array.isArray(secrets) || secrets.length === 0) {
    throw new InvalidArgumentError('option secrets must be an array of at least one secret')
  }
  return secrets.map((secret: unknown, index) => {
    const bytes = typeof secret === 'string' ? Buffer.from(secret) : secret
    if (bytes instanceof Uint8Array && bytes.byteLength >= SHORTEST_SECRET) return Uint8Array.from(bytes)
    const what = bytes instanceof Uint8Array ? `${bytes.byteLength} bytes` : typeof secret
    // Never the secret itself, however wrong it is.
    throw new InvalidArgumentError(
      `secret ${index + 1} must be a string or Uint8Array of at least ${SHORTEST_SECRET} bytes, not ${what}`,
    )
  })
}
