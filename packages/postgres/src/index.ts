/**
 * The transport over PostgreSQL.
 *
 * @module @server-events/postgres
 */

export { postgresMigration } from './outcomes/migration'
export type { PostgresMigrationOptions } from './outcomes/migration'
export type { PostgresClientOptions, PostgresTransportOptions } from './options'
export { PostgresTransport } from './postgres-transport'
export type { TransactionClient } from './transactions/savepoint'
