/**
 * Keys that went with their owner: `BOOTSTRAP_API_KEYS` may still name them at the next start, and must not bring them
 * back. A hash says nothing of whom it belonged to.
 */
import { type Kysely, sql } from 'kysely'

const ENDED_KEYS = `
  create table ended_keys (
    key_hash text primary key,
    ended_at timestamptz(3) not null default now()
  )`

export async function up(db: Kysely<unknown>): Promise<void> {
  await sql.raw(ENDED_KEYS).execute(db)
}
