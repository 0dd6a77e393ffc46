import { sql } from 'kysely'
import { type Database, type DatabaseSource, openDatabase } from '../../src/storage/database.ts'
import { createJobStore } from '../../src/storage/job-store.ts'
import { migrateDatabase } from '../../src/storage/migrate.ts'
import type { OpenJobStore } from '../contracts/job-store-suite.ts'

/** A database with the schema in it. */
export async function openMigrated(source: DatabaseSource): Promise<Database> {
  const db = openDatabase(source)
  await migrateDatabase(db)
  return db
}

export function openJobStore(db: Database): OpenJobStore {
  return { store: createJobStore(db), age: (jobId, seconds) => ageJob(db, jobId, seconds), close: async () => {} }
}

/** As if everything about the job had happened this much earlier. */
async function ageJob(db: Database, jobId: string, seconds: number): Promise<void> {
  const by = sql`make_interval(secs => ${seconds}::double precision)`
  await sql`
    update jobs set
      created_at = created_at - ${by},
      begun_at = begun_at - ${by},
      updated_at = updated_at - ${by},
      stage_at = stage_at - ${by},
      watched_from = watched_from - ${by},
      upload_deadline_at = upload_deadline_at - ${by},
      finished_at = finished_at - ${by},
      purge_begun_at = purge_begun_at - ${by}
    where job_id = ${jobId}
  `.execute(db)
}

/** Resolves once a statement waits for another's lock. */
export async function untilBlocked(db: Database): Promise<void> {
  for (let blocked = 0; blocked === 0; ) {
    const { rows } = await sql<{ count: number }>`
      select count(*)::integer as count from pg_stat_activity
      where datname = current_database() and wait_event_type = 'Lock'`.execute(db)
    blocked = rows[0]?.count ?? 0
  }
}
