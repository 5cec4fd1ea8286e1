import { InvalidArgumentError } from 'server-events'

/**
 * Reads a URL of a server.
 * @throws InvalidArgumentError, which never shows the URL: it may hold a password
 */
export function readUrl(text: string): URL {
  // Its own error would show the URL.
  const url = URL.canParse(text) ? new URL(text) : undefined
  // Of the text, because ioredis takes REDISS:// for a connection without TLS.
  if (!url?.hostname || !/^rediss?:\/\//.test(text))
    throw new InvalidArgumentError(
      'the URL must begin with redis:// or rediss:// and name a host; for a Unix socket set option path instead',
    )
  decoded(url.username)
  decoded(url.password)
  checkDb(dbIn(url))
  checkDb(url.searchParams.get('db'))
  return url
}

/** What follows the port. */
export function dbIn({ pathname }: URL): string | undefined {
  return /^\/?$/.test(pathname) ? undefined : pathname.slice(1)
}

/**
 * Of a user or a password in a URL.
 * @throws InvalidArgumentError
 */
export function decoded(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    throw new InvalidArgumentError(
      'the user or the password in the URL holds a % that encodes nothing: write each % of them as %25',
    )
  }
}

/**
 * ioredis takes what is no number for database 0.
 * @throws InvalidArgumentError
 */
export function checkDb(db: unknown): void {
  if (db === undefined || db === null) return
  if (Number.isInteger(db) && (db as number) >= 0) return
  if (typeof db === 'string' && /^\d{1,9}$/.test(db)) return
  throw new InvalidArgumentError(
    'the database (option db, or what follows the port in the URL) must be an integer from 0 on',
  )
}
