/**
 * What the routes are compared by: the oldest unfinished job of each route without a walk over all of them, and of a job
 * that was tried again the code that its first attempt failed with, which its row had forgotten. The index first: while
 * it is built rows can be read, and the column, without a check of its own, takes no time.
 */
import { type Kysely, sql } from 'kysely'

const STATEMENTS = [
  `create index jobs_due_of_route on jobs (route, (greatest(begun_at, not_before)))
    where finished_at is null and status <> 'uploading'`,
  'alter table jobs add column first_error_code text',
  `comment on column jobs.first_error_code is
    'Of the first attempt that failed, once there is another; null of jobs that were tried again before the column was'`,
]

export async function up(db: Kysely<unknown>): Promise<void> {
  for (const statement of STATEMENTS) await sql.raw(statement).execute(db)
}
