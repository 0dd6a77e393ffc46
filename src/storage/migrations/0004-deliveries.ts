/**
 * Callbacks to clients' own endpoints, and the secrets that sign them. A secret is kept as it is, not hashed: both
 * sides need it to sign.
 */
import { type Kysely, sql } from 'kysely'

const DELIVERIES = `
  create table callback_deliveries (
    delivery_id uuid primary key default gen_random_uuid(),
    owner text not null check (octet_length(owner) between 1 and 64),
    job_id uuid not null references jobs on delete cascade,
    attempt integer not null check (attempt >= 0),
    event text not null check (event in ('completed', 'failed', 'cancelled')),
    url text not null check (octet_length(url) <= 2048),
    job json not null,
    status text not null default 'pending' check (status in ('pending', 'delivered', 'given_up')),
    tries integer not null default 0 check (tries >= 0),
    next_try_at timestamptz(3) not null default now(),
    give_up_at timestamptz(3) not null default now() + interval '1 day',
    lease uuid,
    leased_until timestamptz(3),
    last_status integer,
    last_error text check (octet_length(last_error) <= 2000),
    created_at timestamptz(3) not null default now(),
    delivered_at timestamptz(3),
    constraint callback_deliveries_once unique (job_id, attempt, event),
    constraint callback_deliveries_delivered check ((status = 'delivered') = (delivered_at is not null)),
    constraint callback_deliveries_lease_is_whole check ((lease is null) = (leased_until is null))
  )`

const COMMENTS = [
  `comment on column callback_deliveries.job is 'The row of the job as it was when the event happened'`,
  `comment on column callback_deliveries.give_up_at is 'A day after the event, or after the last replay'`,
  `comment on column callback_deliveries.lease is 'The hand-out that is under way; only it may record an outcome'`,
]

const INDEXES = [
  // What is due, owner by owner; what is under way; what waits longest. Only unfinished rows are in them.
  `create index callback_deliveries_due on callback_deliveries (owner, next_try_at) where status = 'pending'`,
  `create index callback_deliveries_leased on callback_deliveries (owner, leased_until) where lease is not null`,
  `create index callback_deliveries_oldest on callback_deliveries (give_up_at) where status = 'pending'`,
]

const OWNER_SECRETS = `
  create table owner_secrets (
    owner text primary key check (octet_length(owner) between 1 and 64),
    secret text not null check (octet_length(secret) between 16 and 255),
    created_at timestamptz(3) not null default now(),
    previous text check (octet_length(previous) between 16 and 255),
    previous_until timestamptz(3),
    constraint owner_secrets_previous_is_whole check ((previous is null) = (previous_until is null))
  )`

export async function up(db: Kysely<unknown>): Promise<void> {
  for (const statement of [DELIVERIES, ...COMMENTS, ...INDEXES, OWNER_SECRETS]) await sql.raw(statement).execute(db)
}
