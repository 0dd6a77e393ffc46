/** Which jobs of an owner ended lately is asked at heartbeats, of all owners that somebody follows. */
import { type Kysely, sql } from 'kysely'

export async function up(db: Kysely<unknown>): Promise<void> {
  await sql
    .raw('create index jobs_ended_of_owner on jobs (owner, finished_at desc) where finished_at is not null')
    .execute(db)
}
