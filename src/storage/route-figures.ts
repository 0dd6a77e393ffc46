/** The figures of each route over a window: what was accepted, what became of it, and how long it took. */
import { type RawBuilder, sql } from 'kysely'
import type { Route } from '../domain/job.ts'
import type { RouteFigures } from '../ports/cutover.ts'
import type { Database } from './database.ts'

interface Counts {
  readonly route: Route
  readonly accepted: number
  readonly completed: number
  readonly cancelled: number
  readonly owners: number
  readonly result_s: readonly number[] | null
}

/** `isMade` is the condition on a job `j` of the window. */
export async function readFigures(
  db: Database,
  isMade: RawBuilder<boolean>,
): Promise<Readonly<Record<Route, RouteFigures>>> {
  // One after another: they have one connection.
  const counts = await readCounts(db, isMade)
  const failures = await readFailures(db, isMade)
  const oldest = await readOldest(db)
  const codesOf = (route: Route, kind: 'failed' | 'retried') =>
    Object.fromEntries(
      failures.flatMap((each) => (each.route === route && each[kind] > 0 ? [[each.code, each[kind]]] : [])),
    )
  const figuresOf = (route: Route): RouteFigures => {
    const row = counts.find((each) => each.route === route)
    const [p50, p95, p99] = row?.result_s ?? []
    return {
      accepted: row?.accepted ?? 0,
      completed: row?.completed ?? 0,
      failed: codesOf(route, 'failed'),
      retried: codesOf(route, 'retried'),
      cancelled: row?.cancelled ?? 0,
      owners: row?.owners ?? 0,
      resultS: p50 === undefined || p95 === undefined || p99 === undefined ? null : { p50, p95, p99 },
      oldestUnfinishedS: oldest.find((each) => each.route === route)?.age_s ?? null,
    }
  }
  return { queue: figuresOf('queue'), direct: figuresOf('direct') }
}

async function readCounts(db: Database, isMade: RawBuilder<boolean>): Promise<Counts[]> {
  const { rows } = await sql<Counts>`
    select j.route,
      count(*) filter (where j.status <> 'uploading' and j.error_stage is distinct from 'uploading'
        and (j.status <> 'cancelled' or j.size_bytes is not null))::integer as accepted,
      count(*) filter (where j.status = 'completed')::integer as completed,
      count(*) filter (where j.status = 'cancelled')::integer as cancelled,
      count(distinct j.owner)::integer as owners,
      percentile_cont(array[0.5, 0.95, 0.99]) within group
        (order by extract(epoch from j.finished_at - greatest(j.begun_at, j.not_before))::double precision)
        filter (where j.status = 'completed') as result_s
    from jobs j where ${isMade} group by j.route`.execute(db)
  return rows
}

async function readFailures(db: Database, isMade: RawBuilder<boolean>) {
  const { rows } = await sql<{ route: Route; code: string; failed: number; retried: number }>`
    select j.route, e.code,
      count(*) filter (where not e.is_first)::integer as failed, count(*) filter (where e.is_first)::integer as retried
    from jobs j cross join lateral (values (j.error_code, false), (j.first_error_code, true)) e (code, is_first)
    where ${isMade} and num_nonnulls(j.error_code, j.first_error_code) > 0 and e.code is not null
    group by j.route, e.code`.execute(db)
  return rows
}

/** The first entry of the index of each route. An upload under way waits for its client, not for its route. */
async function readOldest(db: Database) {
  const oldestOf = (route: Route) => sql`
    (select ${sql.lit(route)} as route, extract(epoch from now() - greatest(begun_at, not_before))::double precision as age_s
    from jobs
    where route = ${sql.lit(route)} and finished_at is null and status <> 'uploading'
      and greatest(begun_at, not_before) <= now()
    order by greatest(begun_at, not_before) limit 1)`
  const { rows } = await sql<{ route: Route; age_s: number }>`
    ${oldestOf('queue')} union all ${oldestOf('direct')}`.execute(db)
  return rows
}
