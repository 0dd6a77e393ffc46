/** Brings the schema up to date. The migrations are imported, not searched for, so what runs is what was checked. */
import { type Migration, Migrator } from 'kysely/migration'
import type { Database } from './database.ts'
import * as jobs from './migrations/0001-jobs.ts'
import * as references from './migrations/0002-references.ts'

/** In the order of their names; one that has been released is never changed again. */
const MIGRATIONS: Readonly<Record<string, Migration>> = {
  '0001-jobs': jobs,
  '0002-references': references,
}

/**
 * Applies the migrations that are missing, all or none, and returns their names; a repeat applies nothing. Several
 * processes may do so at once: the Migrator takes an advisory lock. Throws `database-unavailable`.
 */
export async function migrateDatabase(db: Database): Promise<string[]> {
  const migrator = new Migrator({ db, provider: { getMigrations: async () => MIGRATIONS } })
  const { error, results = [] } = await migrator.migrateToLatest()
  if (error !== undefined) throw error
  return results.map(({ migrationName }) => migrationName)
}
