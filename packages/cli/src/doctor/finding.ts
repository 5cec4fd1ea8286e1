/** How bad it is: `warn` may be meant so, `bad` loses, delays or refuses events. */
export type Status = 'ok' | 'warn' | 'bad'

/** What one check found. */
export interface Finding {
  /** Stable, for programs. */
  readonly check: string
  readonly status: Status
  /** For people; without secrets. */
  readonly found: string
  /** What to do about it; of all that is not ok. */
  readonly fix?: string
  /** Where docs say more. */
  readonly docs?: string
}

/** A page of docs, with an anchor. A test holds them against the pages. */
export const docs = {
  operations: 'docs/operations.md',
  connections: 'docs/operations.md#connections-and-patterns',
  users: 'docs/operations.md#users',
  tls: 'docs/operations.md#tls',
  memory: 'docs/operations.md#memory',
  settings: 'docs/operations.md#redis-settings',
  faults: 'docs/operations.md#how-long-until-a-fault-is-found',
  migrating: 'docs/migrating.md#in-production-process-by-process',
  cluster: 'packages/redis/README.md#cluster',
  sentinel: 'packages/redis/README.md#sentinel',
  channels: 'packages/redis/README.md#channels',
  jetStream: 'packages/nats/README.md#jetstream',
  natsUsers: 'packages/nats/README.md#permissions',
  postgres: 'packages/postgres/README.md#what-happens-when',
  postgresTable: 'packages/postgres/README.md#the-table',
  poolers: 'packages/postgres/README.md#poolers',
  errors: 'docs/errors.md',
} as const

export function ok(check: string, found: string): Finding {
  return { check, status: 'ok', found }
}

export function warn(check: string, found: string, fix: string, page: string): Finding {
  return { check, status: 'warn', found, fix, docs: page }
}

export function bad(check: string, found: string, fix: string, page: string): Finding {
  return { check, status: 'bad', found, fix, docs: page }
}

/** The worst of them. */
export function statusOf(findings: readonly Finding[]): Status {
  const has = (status: Status): boolean => findings.some((finding) => finding.status === status)
  return has('bad') ? 'bad' : has('warn') ? 'warn' : 'ok'
}
