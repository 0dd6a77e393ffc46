/** How many unfinished jobs an owner has is asked at uploads. The index holds those rows only, whatever the history. */
import { type Kysely, sql } from 'kysely'

export async function up(db: Kysely<unknown>): Promise<void> {
  await sql.raw('create index jobs_unfinished_of_owner on jobs (owner) where finished_at is null').execute(db)
}
