/** Opens the database: PostgreSQL 15 or later, or the embedded one. One SQL dialect, Kysely's, serves both. */
import { Kysely, PGliteDialect, PostgresDialect } from 'kysely'
import { openPGlite } from './pglite.ts'
import { createPostgresPool, type PostgresOptions } from './postgres.ts'
import type { Tables } from './tables.ts'

export type Database = Kysely<Tables>

/** PostgreSQL by its URL, or the embedded database by its folder (in memory when undefined). */
export type DatabaseSource = PostgresOptions | { readonly dataDir: string | undefined }

/**
 * Nothing is opened before the first query, so this never fails; a query throws `database-unavailable` while the
 * database cannot be reached and works again when it can. Close with `destroy()`.
 */
export function openDatabase(source: DatabaseSource): Database {
  if ('url' in source) {
    return new Kysely({ dialect: new PostgresDialect({ pool: createPostgresPool(source) }) })
  }
  return new Kysely({ dialect: new PGliteDialect({ pglite: () => openPGlite(source.dataDir) }) })
}
