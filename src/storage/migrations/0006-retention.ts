/**
 * What lets things go: sweeps take turns by `sweeps`, retention leaves a tombstone of a job, and the deletion of an owner
 * is a row until nothing is left. While it is there the database itself takes nothing new of that owner, so that no code
 * can forget to ask.
 */
import { type Kysely, sql } from 'kysely'
import { OWNER_DELETED_SQLSTATE } from '../database-errors.ts'

const SWEEPS = `
  create table sweeps (
    name text primary key,
    lease uuid,
    leased_until timestamptz(3) not null default '-infinity',
    due_at timestamptz(3) not null default '-infinity',
    cursor text
  )`

const OWNER_DELETIONS = `
  create table owner_deletions (
    owner text primary key check (octet_length(owner) between 1 and 64),
    requested_at timestamptz(3) not null default now(),
    due_at timestamptz(3) not null default now()
  )`

const REFUSE = `
  create function refuse_owner_in_deletion() returns trigger language plpgsql as $$
  begin
    if exists (select 1 from owner_deletions where owner = new.owner) then
      raise exception 'the owner is being deleted' using errcode = '${OWNER_DELETED_SQLSTATE}';
    end if;
    return new;
  end $$`

/** Callbacks are not in it: their rows come with a job's end, which must not fail, and go with the job. */
const GUARDED = ['jobs', 'token_references', 'api_keys', 'owner_secrets']

const STATEMENTS = [
  'alter table jobs add column purge_begun_at timestamptz(3), add column purged_at timestamptz(3)',
  `comment on column jobs.purge_begun_at is 'From then on the recording and the result count as gone'`,
  `comment on column jobs.purged_at is 'When the last of it was gone; the row is a tombstone'`,
  `alter table jobs add constraint jobs_purge_is_of_ended check (
    (purge_begun_at is null or finished_at is not null) and (purged_at is null or purge_begun_at is not null))`,
  'create index jobs_to_purge on jobs (finished_at) where finished_at is not null and purged_at is null',
  // Which jobs point at an object under references/. Only jobs with such a reference are in them.
  ...['audioKey', 'textgridKey', 'pitchKey', 'audioSha256'].map(
    (name) => `create index jobs_with_${name.toLowerCase()} on jobs ((reference->>'${name}'))
      where reference->>'${name}' is not null and purged_at is null`,
  ),
  'create index token_references_by_sha256 on token_references (owner, audio_sha256)',
  ...GUARDED.map(
    (table) => `create trigger ${table}_refuse_owner_in_deletion before insert on ${table}
      for each row execute function refuse_owner_in_deletion()`,
  ),
]

export async function up(db: Kysely<unknown>): Promise<void> {
  for (const statement of [SWEEPS, OWNER_DELETIONS, REFUSE, ...STATEMENTS]) await sql.raw(statement).execute(db)
}
