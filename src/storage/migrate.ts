/** Brings the schema up to date. The migrations are imported, not searched for, so what runs is what was checked. */
import { type Migration, Migrator } from 'kysely/migration'
import type { Database } from './database.ts'
import * as jobs from './migrations/0001-jobs.ts'
import * as references from './migrations/0002-references.ts'
import * as jobOperations from './migrations/0003-job-operations.ts'
import * as deliveries from './migrations/0004-deliveries.ts'
import * as uploads from './migrations/0005-uploads.ts'
import * as retention from './migrations/0006-retention.ts'
import * as limits from './migrations/0008-limits.ts'
import * as endedKeys from './migrations/0009-ended-keys.ts'
import * as deadLetters from './migrations/0010-dead-letters.ts'
import * as timeline from './migrations/0011-timeline.ts'
import * as cutover from './migrations/0012-cutover.ts'
import * as endedOfOwner from './migrations/0013-ended-of-owner.ts'
import * as watchedByRoute from './migrations/0014-watched-by-route.ts'
import * as firstErrors from './migrations/0015-first-errors.ts'

/** In the order of their names; one that has been released is never changed again. */
const MIGRATIONS: Readonly<Record<string, Migration>> = {
  '0001-jobs': jobs,
  '0002-references': references,
  '0003-job-operations': jobOperations,
  '0004-deliveries': deliveries,
  '0005-uploads': uploads,
  '0006-retention': retention,
  '0008-limits': limits,
  '0009-ended-keys': endedKeys,
  '0010-dead-letters': deadLetters,
  '0011-timeline': timeline,
  '0012-cutover': cutover,
  '0013-ended-of-owner': endedOfOwner,
  '0014-watched-by-route': watchedByRoute,
  '0015-first-errors': firstErrors,
}

export const MIGRATION_NAMES: readonly string[] = Object.keys(MIGRATIONS)

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
