/**
 * What no consumer could bring to an end. No foreign key: a letter outlives its job, and may name one that never was.
 * Nor is it kept out while its owner is being deleted: a queue that cannot be emptied would hold it for ever.
 */
import { type Kysely, sql } from 'kysely'

const DEAD_LETTERS = `
  create table dead_letters (
    letter_id uuid primary key default gen_random_uuid(),
    source text not null check (source in ('analysis', 'results', 'forward')),
    message_id text not null check (octet_length(message_id) between 1 and 200),
    body text not null check (octet_length(body) <= 1048576),
    job_id uuid,
    attempt integer check (attempt >= 0),
    owner text check (octet_length(owner) between 1 and 64),
    code text not null check (octet_length(code) between 1 and 100),
    detail text not null check (octet_length(detail) <= 2000),
    stage text,
    receive_count integer not null check (receive_count >= 1),
    first_seen_at timestamptz(3) not null default now(),
    last_seen_at timestamptz(3) not null default now(),
    state text not null default 'open' check (state in ('open', 'redriven', 'discarded')),
    resolved_at timestamptz(3),
    resolved_by text check (octet_length(resolved_by) <= 200),
    reason text check (octet_length(reason) <= 2000),
    redriven_attempt integer,
    constraint dead_letters_once unique (source, message_id),
    constraint dead_letters_resolution_is_whole check (
      (state = 'open') = (resolved_at is null) and (state = 'open') = (resolved_by is null)
      and (state = 'discarded' or reason is null) and (state = 'redriven' or redriven_attempt is null))
  )`

const STATEMENTS = [
  `comment on column dead_letters.stage is 'The status its job was in; null when it is of no job of ours'`,
  // The list, newest first; by job and by owner; what is open, for groups and gauges; what retention takes.
  'create index dead_letters_by_time on dead_letters (first_seen_at desc, letter_id desc)',
  'create index dead_letters_by_job on dead_letters (job_id) where job_id is not null',
  'create index dead_letters_by_owner on dead_letters (owner) where owner is not null',
  `create index dead_letters_open on dead_letters (source, code) where state = 'open'`,
  'create index dead_letters_resolved on dead_letters (resolved_at) where resolved_at is not null',
]

export async function up(db: Kysely<unknown>): Promise<void> {
  for (const statement of [DEAD_LETTERS, ...STATEMENTS]) await sql.raw(statement).execute(db)
}
