/**
 * What the routes are compared by: of a job that was tried again the code that its first attempt failed with, which its
 * row had forgotten, and the oldest unfinished job of each route without a walk over all of them.
 */
import { type Kysely, sql } from 'kysely'

const STATEMENTS = [
  'alter table jobs add column first_error_code text check (octet_length(first_error_code) <= 100)',
  `comment on column jobs.first_error_code is
    'Of the first attempt that failed, once there is another; null of jobs that were tried again before the column was'`,
  `create index jobs_due_of_route on jobs (route, (greatest(begun_at, not_before)))
    where finished_at is null and status <> 'uploading'`,
]

export async function up(db: Kysely<unknown>): Promise<void> {
  for (const statement of STATEMENTS) await sql.raw(statement).execute(db)
}
