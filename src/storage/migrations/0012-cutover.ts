/**
 * The flag that moves traffic between the routes, as rows that are only added: the newest is in force, all of them are
 * the history. And with each job by which version and why it took its route. Jobs of before have neither.
 */
import { type Kysely, sql } from 'kysely'

const VERSIONS = `
  create table cutover_versions (
    version integer primary key check (version > 0),
    percent numeric(5, 2) not null check (percent between 0 and 100),
    allow text[] not null default '{}',
    deny text[] not null default '{}',
    guard jsonb,
    baseline jsonb,
    reason text not null,
    changed_by text not null,
    origin text not null check (origin in ('operator', 'guard')),
    changed_at timestamptz(3) not null default clock_timestamp(),
    notified_at timestamptz(3)
  )`

const STATEMENTS = [
  VERSIONS,
  'alter table jobs add column route_reason text, add column flag_version integer',
  `comment on column jobs.flag_version is 'Of the flag that decided the route; null when none did'`,
  `create index cutover_versions_unnotified on cutover_versions (version) where origin = 'guard' and notified_at is null`,
]

export async function up(db: Kysely<unknown>): Promise<void> {
  for (const statement of STATEMENTS) await sql.raw(statement).execute(db)
}
