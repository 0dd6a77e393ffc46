/**
 * Both routes side by side, from the rows of `jobs`. Jobs of a window are found by their ids, which begin with the time
 * they were made (UUID v7): the primary key serves, and no other index has to be kept. An id's time is of the clock of
 * the process that made it, so the ids are looked for in a wider range, and the rows' own times, the database's, decide.
 */
import { type RawBuilder, sql } from 'kysely'
import { CLIENT_CODES } from '../domain/failure-side.ts'
import type { WindowOutcomes } from '../domain/guard.ts'
import { SPREAD_S } from '../domain/ratio-check.ts'
import type { RouteComparison, VersionWindow } from '../ports/cutover.ts'
import type { Database } from './database.ts'
import { readFigures } from './route-figures.ts'

/** How far the clock of a process may be from the database's for its jobs to be found. */
const CLOCK_MARGIN_S = 300

export function createRouteComparison(db: Database): RouteComparison {
  return {
    figures: (windowS) => readFigures(db, since(windowS)),
    ownersBySide: async (version, windowS) => {
      const { rows } = await sql<{ queue: number; direct: number }>`
        select
          count(distinct owner) filter (where route = 'queue')::integer as queue,
          count(distinct owner) filter (where route = 'direct')::integer as direct
        from jobs j
        where ${since(windowS)} and route_reason is distinct from 'allowed' and route_reason is distinct from 'denied'
          and j.created_at >= (
            select changed_at + ${seconds(SPREAD_S)} from cutover_versions where version = ${version}
          )`.execute(db)
      return rows[0] ?? { queue: 0, direct: 0 }
    },
    outcomes: async (version, window) => {
      const begin = await readBegin(db, version)
      return begin === undefined ? NOTHING : readOutcomes(db, version, begin, window)
    },
    ageS: async (version) => {
      const { rows } = await sql<{ age_s: number }>`
        select greatest(0, extract(epoch from now() - changed_at))::double precision as age_s
        from cutover_versions where version = ${version}`.execute(db)
      return rows[0]?.age_s ?? 0
    },
    deadLetterOwners: async (windowS) => {
      const { rows } = await sql<{ owners: number }>`
        select count(distinct coalesce(owner, ''))::integer as owners from dead_letters
        where first_seen_at >= now() - ${seconds(windowS)} and ${counts}`.execute(db)
      return rows[0]?.owners ?? 0
    },
  }
}

const NOTHING: WindowOutcomes = {
  queue: { owners: 0, failed: 0 },
  direct: { owners: 0, failed: 0 },
  failures: [],
  firsts: [],
}

const seconds = (s: number) => sql`make_interval(secs => ${s}::double precision)`

/** The lowest UUID v7 of a time. */
const floorOf = (time: RawBuilder<unknown>) =>
  sql`(lpad(to_hex((extract(epoch from ${time}) * 1000)::bigint), 12, '0') || repeat('0', 20))::uuid`

/** Of jobs `j`: made in the last so many seconds. */
const since = (windowS: number) =>
  sql<boolean>`j.job_id >= ${floorOf(sql`now() - ${seconds(windowS + CLOCK_MARGIN_S)}`)}
    and j.created_at >= now() - ${seconds(windowS)}`

const CLIENTS = sql.join(CLIENT_CODES.map((code) => sql.lit(code)))

/** A letter whose job had ended before it came tells nothing new, and what a client caused is no fault of a route. */
const counts = sql`resolved_by is distinct from 'tonewire'
  and code not in (${CLIENTS})`

async function readBegin(db: Database, version: number): Promise<Date | undefined> {
  const { rows } = await sql<{ changed_at: Date }>`
    select changed_at from cutover_versions where version = ${version}`.execute(db)
  return rows[0]?.changed_at
}

/**
 * In the order in which jobs were made, and up to the first whose end is not known yet: the order of their ends would tell
 * a route that fails slowly from one that fails at once, and at any look those that end early would be too many. `dealt`
 * has the jobs made in the window; the sides of one moment come in the order of the owners' names, which says nothing of
 * their route.
 */
async function readOutcomes(
  db: Database,
  version: number,
  begin: Date,
  { fromS, toS, lateS }: VersionWindow,
): Promise<WindowOutcomes> {
  const at = (s: number) => sql`(${begin}::timestamptz + ${seconds(s)})`
  const [from, to] = [at(fromS), at(toS)]
  const { rows } = await sql<Record<`${'queue' | 'direct'}_${'owners' | 'failed'}`, number> & Sequences>`
    with letter as (
      select distinct job_id from dead_letters where first_seen_at >= ${from} and job_id is not null and ${counts}
    ), dealt as (
      select j.owner, j.route, j.job_id, j.created_at as at, j.status, j.finished_at is null as is_open,
        j.status = 'failed' or j.attempt > 1 or letter.job_id is not null
          or coalesce(j.finished_at, now()) >= j.created_at + ${seconds(lateS)} as failed
      from jobs j left join letter on letter.job_id = j.job_id
      where j.job_id >= ${floorOf(at(fromS - CLOCK_MARGIN_S))} and j.job_id < ${floorOf(at(toS + CLOCK_MARGIN_S))}
        and j.created_at >= ${from} and j.created_at < ${to}
        and j.flag_version = ${version} and j.route_reason = 'percentage'
        and (j.status not in ('uploading', 'cancelled') or j.size_bytes is not null)
        and (j.not_before is null or j.not_before <= j.created_at)
        and (coalesce(coalesce(j.first_error_code, j.error_code) not in (${CLIENTS}), true)
          or j.first_error_code is null and j.finished_at >= j.created_at + ${seconds(lateS)})
    ), decided as (
      select * from dealt
      where (failed or status = 'completed')
        and at < coalesce((select min(at) from dealt where is_open and not failed), 'infinity')
    ), owned as (
      select owner, route, min(at) as at, min(at) filter (where failed) as failed_at,
        (array_agg(failed order by at, job_id))[1] as failed_first
      from decided group by owner, route
    )
    select
      count(*) filter (where route = 'queue')::integer as queue_owners,
      count(*) filter (where route = 'queue' and failed_first)::integer as queue_failed,
      count(*) filter (where route = 'direct')::integer as direct_owners,
      count(*) filter (where route = 'direct' and failed_first)::integer as direct_failed,
      coalesce(string_agg(left(route, 1), '' order by failed_at, owner) filter (where failed_at is not null), '') as failures,
      coalesce(string_agg(case when failed_first then '1' else '0' end, '' order by at, owner), '') as firsts
    from owned`.execute(db)
  const row = rows[0]
  return row === undefined ? NOTHING : toOutcomes(row)
}

/** One character per owner: `q` or `d`; `1` for failed. */
interface Sequences {
  readonly failures: string
  readonly firsts: string
}

function toOutcomes(row: Record<`${'queue' | 'direct'}_${'owners' | 'failed'}`, number> & Sequences): WindowOutcomes {
  return {
    queue: { owners: row.queue_owners, failed: row.queue_failed },
    direct: { owners: row.direct_owners, failed: row.direct_failed },
    failures: [...row.failures].map((letter) => (letter === 'q' ? 'queue' : 'direct')),
    firsts: [...row.firsts].map((digit) => digit === '1'),
  }
}
