import { createCipheriv, createDecipheriv, type KeyObject } from 'node:crypto'
import type { EventKey, Message } from '../transport'
import { SALT_BYTES, type Keys } from './keys'

/*
 * A sealed body (AES-256-GCM, NIST SP 800-38D):
 *
 *     body      = version salt counter ciphertext tag
 *     plaintext = flags headerBytes headers content
 *
 * version is one byte, salt 16, counter 12, tag 16. flags says whether the content is bytes and whether `kept` was said;
 * headerBytes is a big-endian number of 4 bytes, headers is JSON. Name, id and kind are authenticated, not repeated.
 */

const VERSION = 1
const COUNTER_BYTES = 12
const TAG_BYTES = 16
const PREFIX_BYTES = 1 + SALT_BYTES + COUNTER_BYTES

const IS_BYTES = 1
const SAYS_KEPT = 2
const IS_KEPT = 4

/**
 * Where what is authenticated and what is to be sealed are put together: nothing of it outlives the
 * call. A name and an id take no more than half of it, however they are escaped.
 */
const scratch = Buffer.allocUnsafeSlow(32_768)
const PLAINTEXT_AT = 16_384

/** Seals messages, and opens what was sealed with one of the secrets for the same name, id and kind. */
export class Seal {
  readonly #keys: Keys
  /** What the next body begins with. */
  readonly #prefix = Buffer.alloc(PREFIX_BYTES)
  readonly #counter = this.#prefix.subarray(1 + SALT_BYTES)

  constructor(keys: Keys) {
    this.#keys = keys
    this.#prefix[0] = VERSION
    this.#prefix.set(keys.sealing.salt, 1)
  }

  /** The body of a failure is text, which every transport carries on one line. */
  seal(key: EventKey, message: Message): Message {
    const cipher = createCipheriv('aes-256-gcm', this.#keys.sealing.key, this.#counter)
    cipher.setAAD(authenticated(key, message.kind))
    const ciphertext = cipher.update(plaintextOf(message))
    cipher.final()
    const body = Buffer.allocUnsafe(PREFIX_BYTES + ciphertext.byteLength + TAG_BYTES)
    body.set(this.#prefix)
    body.set(ciphertext, PREFIX_BYTES)
    body.set(cipher.getAuthTag(), PREFIX_BYTES + ciphertext.byteLength)
    increment(this.#counter)
    const { kind } = message
    return {
      kind,
      body:
        kind === 'failure' ? body.toString('base64') : new Uint8Array(body.buffer, body.byteOffset, body.byteLength),
    }
  }

  /** `undefined` for what none of the secrets has sealed for this name, id and kind. */
  open(key: EventKey, { kind, body }: Message): Message | undefined {
    const sealed =
      typeof body === 'string'
        ? Buffer.from(body, 'base64')
        : Buffer.from(body.buffer, body.byteOffset, body.byteLength)
    if (sealed.byteLength < PREFIX_BYTES + TAG_BYTES || sealed[0] !== VERSION) return undefined
    const about = authenticated(key, kind)
    for (const secret of this.#keys.opening(sealed.subarray(1, 1 + SALT_BYTES))) {
      const plaintext = decrypt(sealed, secret, about)
      if (plaintext !== undefined) return messageOf(kind, plaintext)
    }
    return undefined
  }
}

/** Under a key that only this process has, no number comes twice. */
function increment(counter: Uint8Array): void {
  let at = counter.byteLength - 1
  while (((counter[at] as number)++ & 0xff) === 0xff) at--
}

/** Of JSON, whose ends are clear: no two keys are alike. */
function authenticated({ name, id }: EventKey, kind: Message['kind']): Uint8Array {
  const text = `[${JSON.stringify(name)},${JSON.stringify(id)},"${kind}"]`
  return scratch.subarray(0, scratch.write(text))
}

function decrypt(sealed: Buffer, secret: KeyObject, about: Uint8Array): Buffer | undefined {
  const end = sealed.byteLength - TAG_BYTES
  const options = { authTagLength: TAG_BYTES }
  const decipher = createDecipheriv('aes-256-gcm', secret, sealed.subarray(1 + SALT_BYTES, PREFIX_BYTES), options)
  decipher.setAAD(about)
  decipher.setAuthTag(sealed.subarray(end))
  const plaintext = decipher.update(sealed.subarray(PREFIX_BYTES, end))
  try {
    decipher.final()
    return plaintext
  } catch {
    return undefined
  }
}

function plaintextOf({ body, headers, kept }: Message): Uint8Array {
  const header = headers === undefined ? '' : JSON.stringify(headers)
  const content = typeof body === 'string' ? textOf(body) : body
  const longest = PLAINTEXT_AT + 5 + 3 * header.length + 3 * content.length
  const [space, start] = longest <= scratch.byteLength ? [scratch, PLAINTEXT_AT] : [Buffer.allocUnsafe(longest), 0]
  const headerBytes = space.write(header, start + 5)
  const contentAt = start + 5 + headerBytes
  space[start] = (typeof body === 'string' ? 0 : IS_BYTES) | (kept === undefined ? 0 : SAYS_KEPT) | (kept ? IS_KEPT : 0)
  space.writeUInt32BE(headerBytes, start + 1)
  if (typeof content !== 'string') space.set(content, contentAt)
  const contentBytes = typeof content === 'string' ? space.write(content, contentAt) : content.byteLength
  return space.subarray(start, contentAt + contentBytes)
}

function messageOf(kind: Message['kind'], plaintext: Buffer): Message {
  const flags = plaintext[0] ?? 0
  const contentAt = 5 + plaintext.readUInt32BE(1)
  const isText = (flags & IS_BYTES) === 0
  return {
    kind,
    body: isText ? textIn(plaintext.toString('utf8', contentAt)) : new Uint8Array(plaintext.subarray(contentAt)),
    headers:
      contentAt === 5 ? undefined : (JSON.parse(plaintext.toString('utf8', 5, contentAt)) as Record<string, string>),
    kept: (flags & SAYS_KEPT) === 0 ? undefined : (flags & IS_KEPT) !== 0,
  }
}

/** UTF-8 has no lone surrogates: a text with some travels as JSON behind a NUL, as does one that begins with a NUL. */
function textOf(body: string): string {
  return body.isWellFormed() && !body.startsWith('\0') ? body : `\0${JSON.stringify(body)}`
}

function textIn(text: string): string {
  return text.startsWith('\0') ? (JSON.parse(text.slice(1)) as string) : text
}
