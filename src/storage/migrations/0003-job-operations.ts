/**
 * What jobs need to be operated: a key that makes an upload repeatable, and when the running attempt began, so that a
 * job tried again after a day is not too old at once.
 */
import { type Kysely, sql } from 'kysely'

const STATEMENTS = [
  `alter table jobs
    add column idempotency_key text check (char_length(idempotency_key) between 1 and 255),
    add column begun_at timestamptz(3) not null default now()`,
  'update jobs set begun_at = created_at where begun_at <> created_at',
  `comment on column jobs.idempotency_key is 'Held by at most one job of the owner; null once it is let go'`,
  `comment on column jobs.begun_at is 'When the row was made, or its running attempt by a retry'`,
  `create unique index jobs_idempotency on jobs (owner, idempotency_key) where idempotency_key is not null`,
  // An owner's list of one token, newest first, by keyset.
  `create index jobs_of_token on jobs (owner, token_id, created_at desc, job_id desc)`,
  'drop index jobs_unfinished_by_age',
  'create index jobs_unfinished_by_age on jobs (begun_at) where finished_at is null',
]

export async function up(db: Kysely<unknown>): Promise<void> {
  for (const statement of STATEMENTS) await sql.raw(statement).execute(db)
}
