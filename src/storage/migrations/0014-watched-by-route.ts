/** Rows that wait are looked for by route: those of one, however many, are not in the way of the other's. */
import { type Kysely, sql } from 'kysely'

const STATEMENTS = [
  'drop index jobs_watched',
  `create index jobs_watched on jobs (watched_from, status)
    where finished_at is null and not (route = 'direct' and status <> 'uploading')`,
  `create index jobs_watched_direct on jobs (watched_from, status)
    where finished_at is null and (route = 'direct' and status <> 'uploading')`,
]

export async function up(db: Kysely<unknown>): Promise<void> {
  for (const statement of STATEMENTS) await sql.raw(statement).execute(db)
}
