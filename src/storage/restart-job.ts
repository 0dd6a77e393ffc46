import { sql } from 'kysely'
import { isUuid } from '../domain/ids.ts'
import { progressOnEntering, STATUS_MESSAGES } from '../domain/job.ts'
import type { Database } from './database.ts'
import { JOB_COLUMNS, type JobRow } from './job-rows.ts'

/**
 * The one step that leads out of a terminal status: `failed` and retryable becomes `stored` in the next attempt. The
 * guard names the attempt that failed, so of many that ask at once one moves. Undefined when the guard did not hold.
 */
export async function restartRow(db: Database, jobId: string, attempt: number): Promise<JobRow | undefined> {
  if (!isUuid(jobId) || !Number.isInteger(attempt)) return undefined
  const now = sql<Date>`greatest(now(), updated_at)`
  return db
    .updateTable('jobs')
    .set({
      status: 'stored',
      attempt: sql<number>`attempt + 1`,
      progress: progressOnEntering('stored', 0),
      message: STATUS_MESSAGES.stored,
      error_code: null,
      first_error_code: sql<string>`coalesce(first_error_code, error_code)`,
      error_stage: null,
      error_detail: null,
      error_retryable: null,
      finished_at: null,
      updated_at: now,
      stage_at: now,
      begun_at: now,
      watched_from: sql<Date>`greatest(now(), not_before)`,
      claims: 0,
    })
    .where('job_id', '=', jobId)
    .where('attempt', '=', attempt)
    .where('status', '=', 'failed')
    .where('error_retryable', '=', true)
    .where('purge_begun_at', 'is', null)
    .returning(JOB_COLUMNS)
    .executeTakeFirst()
}
