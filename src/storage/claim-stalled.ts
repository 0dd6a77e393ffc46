/**
 * Invariant 11 on rows: which unfinished rows have waited so long that somebody should look. `watched_from` is the
 * moment a row's waiting counts from (an upload's deadline, else when it entered its status, but not before its
 * `not_before`); each hand-out pushes it on, so that the next comes after the rule's wait, then twice, four times, up
 * to a quarter of an hour or the wait itself. The routes are asked for apart: what one waits for is not up to the other.
 */
import { type RawBuilder, sql } from 'kysely'
import type { Route } from '../domain/job.ts'
import type { StalledJob, StalledRules } from '../ports.ts'
import type { Database } from './database.ts'
import { JOB_COLUMNS, type JobRow, toJob } from './job-rows.ts'

/**
 * As the index of each has it, so that rows of one route are not looked at for the other: with the analysis server away
 * for a day there may be a million. An upload waits for its client on either route.
 */
const IS_OF: Readonly<Record<Route, RawBuilder<boolean>>> = {
  queue: sql`not (route = 'direct' and status <> 'uploading')`,
  direct: sql`(route = 'direct' and status <> 'uploading')`,
}

/** Longest time between two hand-outs of one row, unless its wait is longer. */
export const MAX_CLAIM_DELAY_S = 900

/**
 * Hands out rows, the longest waiting first. Rows that another instance is being handed, or that are just moving, are
 * passed over; one that moved meanwhile is asked again as it is now, and no longer waits.
 */
export async function claimStalled(db: Database, rules: StalledRules): Promise<StalledJob[]> {
  const route: Route = rules.route ?? 'queue'
  const { rows } = await sql<JobRow & { readonly in_status_s: number }>`
    with due as materialized (
      select job_id, case
          when status in ('forwarded', 'analysing') then ${rules.inFlightS}::double precision
          else ${rules.waitingS}::double precision
        end as wait_s
      from jobs
      where finished_at is null and watched_from <= now() - case
          when status = 'uploading' then interval '0'
          when route = 'direct' and status = 'stored' and not_before > stage_at and claims = 0 then interval '0'
          when status in ('stored', 'queued') then make_interval(secs => ${rules.waitingS}::double precision)
          else make_interval(secs => ${rules.inFlightS}::double precision)
        end
        and watched_from <= now()
        and not (${rules.queueIsAway ?? false}::boolean and status in ('stored', 'queued'))
        and ${IS_OF[route]}
      order by watched_from
      limit ${rules.limit}::integer
      for no key update skip locked
    )
    update jobs j set
      claims = claims + 1,
      watched_from = now() + make_interval(secs =>
        greatest(d.wait_s, least(${MAX_CLAIM_DELAY_S}::double precision, d.wait_s * 2 ^ least(j.claims, 16)))
        - case when j.status = 'uploading' then 0 else d.wait_s end)
    from due d
    where j.job_id = d.job_id
    returning ${sql.join(JOB_COLUMNS.map((column) => sql.ref(`j.${column}`)))},
      extract(epoch from now() - j.stage_at)::double precision as in_status_s
  `.execute(db)
  return rows.map((row) => ({ ...toJob(row), inStatusS: row.in_status_s }))
}
