/**
 * Jobs, their results and API keys. What must never be false of a row is a constraint here, so that no code can break
 * it. Times have milliseconds, as on the wire and in JavaScript: a value read and sent back compares equal. JSON is
 * `json`, not `jsonb`, which keeps the text as it is and takes every escape that JSON.stringify writes.
 */
import { type Kysely, sql } from 'kysely'

const JOBS = `
  create table jobs (
    job_id uuid primary key,
    owner text not null check (octet_length(owner) between 1 and 64),
    token_id text check (octet_length(token_id) between 1 and 128),
    status text not null check (status in (
      'uploading', 'stored', 'queued', 'forwarded', 'analysing', 'completed', 'failed', 'cancelled')),
    attempt integer not null default 1 check (attempt >= 0),
    progress smallint not null default 0 check (progress between 0 and 100),
    message text not null check (octet_length(message) <= 2000),
    route text not null check (route in ('queue', 'direct')),
    filename text check (octet_length(filename) <= 1024),
    content_type text not null check (octet_length(content_type) <= 255),
    object_key text not null check (octet_length(object_key) between 1 and 1024),
    size_bytes bigint check (size_bytes >= 0),
    sha256 text check (sha256 ~ '^[0-9a-f]{64}$'),
    duration_s double precision check (duration_s >= 0),
    priority text not null check (priority in ('high', 'normal', 'low')),
    metadata json not null check (octet_length(metadata::text) <= 8192),
    callback_url text check (octet_length(callback_url) <= 2048),
    not_before timestamptz(3),
    traceparent text check (octet_length(traceparent) <= 255),
    created_at timestamptz(3) not null default now(),
    updated_at timestamptz(3) not null default now(),
    finished_at timestamptz(3),
    error_code text check (octet_length(error_code) <= 100),
    error_stage text check (error_stage in ('uploading', 'stored', 'queued', 'forwarded', 'analysing')),
    error_detail text check (octet_length(error_detail) <= 8000),
    error_retryable boolean,
    upload_deadline_at timestamptz(3) not null,
    stage_at timestamptz(3) not null default now(),
    watched_from timestamptz(3) not null,
    claims integer not null default 0 check (claims >= 0),
    constraint jobs_terminal_is_finished check (
      (status in ('completed', 'failed', 'cancelled')) = (finished_at is not null)),
    constraint jobs_failed_has_error check (
      (status = 'failed') = (error_code is not null)
      and num_nulls(error_code, error_stage, error_detail, error_retryable) in (0, 4))
  )`

const COMMENTS = [
  `comment on column jobs.stage_at is 'When the row entered its status'`,
  `comment on column jobs.watched_from is
    'From when the reconciler counts: an upload''s deadline, else stage_at; each hand-out pushes it on'`,
  `comment on column jobs.claims is 'How often the reconciler was handed the row in its status'`,
]

const INDEXES = [
  // An owner's list, newest first, by keyset.
  'create index jobs_of_owner on jobs (owner, created_at desc, job_id desc)',
  // What follows holds only the unfinished rows, so it stays small whatever the history.
  'create index jobs_watched on jobs (watched_from, status) where finished_at is null',
  'create index jobs_in_stage on jobs (status, stage_at) where finished_at is null',
  'create index jobs_unfinished_by_age on jobs (created_at) where finished_at is null',
]

const JOB_RESULTS = `
  create table job_results (
    job_id uuid not null references jobs on delete cascade,
    attempt integer not null check (attempt >= 0),
    result json,
    object_key text check (octet_length(object_key) between 1 and 1024),
    primary key (job_id, attempt),
    constraint job_results_one_place check (num_nonnulls(result, object_key) = 1)
  )`

const API_KEYS = `
  create table api_keys (
    key_id uuid primary key default gen_random_uuid(),
    owner text not null check (octet_length(owner) between 1 and 64),
    role text not null check (role in ('user', 'admin')),
    key_hash text not null unique check (key_hash ~ '^[0-9a-f]{64}$'),
    name text not null check (octet_length(name) between 1 and 255),
    created_at timestamptz(3) not null default now(),
    expires_at timestamptz(3),
    revoked_at timestamptz(3),
    last_used_at timestamptz(3)
  )`

export async function up(db: Kysely<unknown>): Promise<void> {
  for (const statement of [JOBS, ...COMMENTS, ...INDEXES, JOB_RESULTS, API_KEYS]) {
    await sql.raw(statement).execute(db)
  }
}
