/** Retention on rows: handed out, then, once the objects are gone, made tombstones. */
import { sql } from 'kysely'
import type { RetentionStore } from '../ports/upkeep.ts'
import type { Database } from './database.ts'
import { JOB_COLUMNS, type JobRow, toJob } from './job-rows.ts'

export function createRetentionStore(db: Database): RetentionStore {
  return {
    claim: async ({ ageS, leaseS, limit }) => {
      const { rows } = await sql<JobRow>`
        with due as materialized (
          select job_id from jobs
          where finished_at is not null and purged_at is null
            and finished_at <= now() - make_interval(secs => ${ageS}::double precision)
            and (purge_begun_at is null
              or purge_begun_at <= now() - make_interval(secs => ${leaseS}::double precision))
          order by finished_at limit ${limit}::integer
          for no key update skip locked
        )
        update jobs j set purge_begun_at = now() from due d where j.job_id = d.job_id
        returning ${sql.join(JOB_COLUMNS.map((column) => sql.ref(`j.${column}`)))}`.execute(db)
      return rows.map(toJob)
    },
    finish: async (jobIds) => {
      const { rows } = await sql`
        with tombstone as (
          update jobs set
            purged_at = now(), filename = null, metadata = '{}', callback_url = null, traceparent = null,
            idempotency_key = null, reference = null
          where job_id = any(${jobIds}::uuid[]) and purge_begun_at is not null and purged_at is null
          returning job_id
        ), without_results as (
          delete from job_results where job_id in (select job_id from tombstone)
        ), untold as (
          delete from callback_deliveries where job_id in (select job_id from tombstone)
        ), forgotten as (
          delete from job_timeline where job_id in (select job_id from tombstone)
        )
        select job_id from tombstone`.execute(db)
      return rows.length
    },
  }
}
