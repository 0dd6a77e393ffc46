import { sql } from 'kysely'
import type { Database } from './database.ts'

/** By `jobs_unfinished_of_owner`, and no further than asked. */
export async function countUnfinished(db: Database, owner: string, atMost: number): Promise<number> {
  const { rows } = await sql<{ count: number }>`
    select count(*)::integer as count
    from (select 1 from jobs where owner = ${owner} and finished_at is null limit ${atMost}) as counted`.execute(db)
  return rows[0]?.count ?? 0
}
