/** The cutover flag in PostgreSQL: rows are only added, the newest is in force, and the database's clock dates them. */
import { type Selectable, sql } from 'kysely'
import { conflictWith, type GuardPlan } from '../domain/cutover.ts'
import type { Baseline, CutoverStore, FlagChange, StoredFlag } from '../ports/cutover.ts'
import type { Database } from './database.ts'
import { fitText } from './job-rows.ts'
import type { CutoverVersionsTable } from './tables.ts'

type Row = Selectable<CutoverVersionsTable>

export function createCutoverStore(db: Database): CutoverStore {
  return {
    current: () => readNewest(db),
    history: async ({ limit, before }) => {
      let query = db.selectFrom('cutover_versions').selectAll()
      if (before !== undefined) query = query.where('version', '<', before)
      return (await query.orderBy('version', 'desc').limit(limit).execute()).map(toFlag)
    },
    change: (change, expected) => add(db, change, expected),
    findUnnotified: async (limit) => {
      const unnotified = db.selectFrom('cutover_versions').selectAll().where('origin', '=', 'guard')
      const rows = await unnotified.where('notified_at', 'is', null).orderBy('version').limit(limit).execute()
      return rows.map(toFlag)
    },
    markNotified: async (version) => {
      await db
        .updateTable('cutover_versions')
        .set({ notified_at: sql<Date>`now()` })
        .where('version', '=', version)
        .where('notified_at', 'is', null)
        .execute()
    },
  }
}

async function readNewest(db: Database): Promise<StoredFlag | undefined> {
  const newest = db.selectFrom('cutover_versions').selectAll().orderBy('version', 'desc').limit(1)
  const row = await newest.executeTakeFirst()
  return row && toFlag(row)
}

/**
 * One statement: those that pass its guard at once all insert the same key, wait for the first, and one of them has
 * made it. The time is never before the previous version's, whatever was done to the clock.
 */
async function add(db: Database, change: FlagChange, expected: number): Promise<StoredFlag> {
  const { percent, allow, deny, guard, baseline = null, origin } = change
  const { rows } = await sql<Row>`
    insert into cutover_versions
      (version, percent, allow, deny, guard, baseline, reason, changed_by, origin, changed_at)
    select
      ${expected}::integer + 1, ${percent}::numeric, ${[...allow]}::text[], ${[...deny]}::text[],
      ${toJson(guard)}::jsonb, ${toJson(baseline)}::jsonb,
      ${fitText(change.reason, 2000)}::text, ${fitText(change.changedBy, 200)}::text, ${origin}::text,
      greatest(clock_timestamp(), (select max(changed_at) from cutover_versions))
    where ${expected}::integer = (select coalesce(max(version), 0) from cutover_versions)
    on conflict (version) do nothing
    returning *`.execute(db)
  const [row] = rows
  if (row === undefined) throw conflictWith(await readNewest(db), expected)
  return toFlag(row)
}

function toJson(value: GuardPlan | Baseline | null): string | null {
  return value === null ? null : JSON.stringify(value)
}

function toFlag(row: Row): StoredFlag {
  return {
    version: row.version,
    percent: Number(row.percent),
    allow: row.allow,
    deny: row.deny,
    guard: row.guard,
    baseline: row.baseline,
    reason: row.reason,
    changedBy: row.changed_by,
    origin: row.origin,
    changedAt: row.changed_at,
    notifiedAt: row.notified_at,
  }
}
