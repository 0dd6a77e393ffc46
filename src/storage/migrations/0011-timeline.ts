/**
 * What happened to each job, hop by hop: append only, and many times as many rows as there are jobs, so as narrow as can
 * be. The key serves the one question asked of it, and lets a batch whose answer was lost be written again without
 * doubling a row. Old rows are found by an index of ranges (BRIN), which costs an insert next to nothing.
 */
import { type Kysely, sql } from 'kysely'

const TIMELINE = `
  create table job_timeline (
    job_id uuid not null,
    at timestamptz(3) not null,
    seq bigint not null,
    attempt integer not null,
    receive_count integer,
    hop text not null,
    outcome text not null,
    message_id text,
    worker text not null,
    detail text,
    primary key (job_id, at, seq)
  )`

const STATEMENTS = [
  TIMELINE,
  `comment on column job_timeline.at is 'By the database''s clock, as the process that noted it reckons it'`,
  `comment on column job_timeline.seq is 'Order within one process, made there; unlike that of any other process'`,
  'create index job_timeline_by_age on job_timeline using brin (at) with (autosummarize = on)',
]

export async function up(db: Kysely<unknown>): Promise<void> {
  for (const statement of STATEMENTS) await sql.raw(statement).execute(db)
}
