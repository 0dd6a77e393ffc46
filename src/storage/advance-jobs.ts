/**
 * Invariants 3, 4 and 5 on rows: whatever repeats, overtakes or collides, a job of an attempt moves forward only, ends
 * once, and its progress never falls. The database decides, not a process's memory. Changes of several jobs:
 *
 *   change   the steps asked for, at most one per job
 *   locked   the rows a step applies to, locked in the order of their ids so that no two batches wait for each other
 *   moved    the same rows, updated; the guard is asked again, of the row as it is once it is locked
 *   kept     the results of those that completed
 *   told     what their owners are to be told, where they asked for it
 *
 * One statement does it all, so a crash leaves either everything or nothing. It leaves out what has nothing to do:
 * `kept` and `told` when no change ends a job; `change` and `locked` when there is one change only. Then the UPDATE
 * locks its row by itself, and asks its guard again of the row as it is then: what it says does not depend on whether
 * it had to wait.
 */
import { isUuid } from '../domain/ids.ts'
import { isTerminal, progressOnEntering, rankOf, STATUS_MESSAGES, UNFINISHED_STATUSES } from '../domain/job.ts'
import type { StatusChange } from '../ports.ts'
import type { Database } from './database.ts'
import { fitText, JOB_COLUMNS, type JobRow } from './job-rows.ts'
import { type Given, prepareForMany, prepareForOne } from './statement.ts'

const MAX_INTEGER = 2 ** 31 - 1

/** Applies changes of different jobs and returns the rows that moved, as they are now. */
export async function advanceRows(db: Database, changes: readonly StatusChange[]): Promise<JobRow[]> {
  const applicable = changes.filter(({ jobId, attempt }) => isUuid(jobId) && isAttempt(attempt))
  const [only, ...others] = applicable
  if (only === undefined) return []
  if (others.length === 0) return isTerminal(only.to) ? endOne(db, only) : advanceOne(db, only)
  return applicable.some(({ to }) => isTerminal(to)) ? endMany(db, applicable) : advanceMany(db, applicable)
}

const CHANGE: readonly Given<StatusChange>[] = [
  ['job_id', 'uuid', ({ jobId }) => jobId],
  ['attempt', 'integer', ({ attempt }) => attempt],
  ['status', 'text', ({ to }) => to],
  ['rank', 'integer', ({ to }) => rankOf(to)],
  ['from_status', 'text', ({ from }) => from],
  ['progress', 'integer', ({ to }) => progressOnEntering(to, 0)],
  ['message', 'text', ({ to, message }) => fitText(message ?? STATUS_MESSAGES[to], 2000)],
  ['size_bytes', 'bigint', ({ sizeBytes }) => sizeBytes],
  ['sha256', 'text', ({ sha256 }) => sha256],
  ['duration_s', 'double precision', ({ durationS }) => durationS],
  ['recording_key', 'text', ({ recording }) => recording?.objectKey],
  ['content_type', 'text', ({ recording }) => recording && fitText(recording.contentType, 255)],
  ['error_code', 'text', ({ error }) => error && fitText(error.code, 100)],
  ['error_detail', 'text', ({ error }) => error && fitText(error.detail, 8000)],
  ['error_retryable', 'boolean', ({ error }) => error?.retryable],
  ['result', 'json', ({ result }) => (result && 'json' in result ? result.json : null)],
  ['object_key', 'text', ({ result }) => (result && 'objectKey' in result ? result.objectKey : null)],
]

/** The guard: this attempt, and a status before the one asked for. A terminal status has no position, so never. */
const IS_AHEAD = `j.attempt = c.attempt
    and array_position(array['${UNFINISHED_STATUSES.join("','")}'], j.status) <= c.rank
    and j.status = coalesce(c.from_status, j.status)`

/** Moves the rows that the changes `c` of `source` are ahead of. */
const move = (source: string) => `
  update jobs j set
    status = c.status,
    progress = greatest(j.progress, c.progress),
    message = c.message,
    size_bytes = coalesce(c.size_bytes, j.size_bytes),
    sha256 = coalesce(c.sha256, j.sha256),
    duration_s = coalesce(c.duration_s, j.duration_s),
    object_key = coalesce(c.recording_key, j.object_key),
    content_type = coalesce(c.content_type, j.content_type),
    error_code = c.error_code,
    error_stage = case when c.status = 'failed' then j.status end,
    error_detail = c.error_detail,
    error_retryable = c.error_retryable,
    updated_at = greatest(now(), j.updated_at),
    stage_at = greatest(now(), j.updated_at),
    finished_at = case when c.status in ('completed', 'failed', 'cancelled') then greatest(now(), j.updated_at) end,
    watched_from = greatest(now(), case when c.status in ('stored', 'queued') then j.not_before end),
    claims = 0,
    idempotency_key = case
      when j.status <> 'uploading' or c.status not in ('failed', 'cancelled') then j.idempotency_key end
  from ${source}
  where j.job_id = c.job_id and ${IS_AHEAD}
  returning ${JOB_COLUMNS.map((column) => `j.${column}`).join(', ')}`

/** What belongs to an end, of the rows in `moved` and their changes `c` of `source`. */
const keepAndTell = (source: string) => `
  kept as (
    insert into job_results (job_id, attempt, result, object_key)
    select m.job_id, m.attempt, c.result, c.object_key from moved m join ${source} on c.job_id = m.job_id
    where c.status = 'completed' and num_nonnulls(c.result, c.object_key) = 1
    on conflict (job_id, attempt) do nothing
  ), told as (
    insert into callback_deliveries (owner, job_id, attempt, event, url, job)
    select m.owner, m.job_id, m.attempt, m.status, m.callback_url, row_to_json(m) from moved m
    where m.status in ('completed', 'failed', 'cancelled') and m.callback_url is not null
    on conflict (job_id, attempt, event) do nothing
  )`

/** The changes of `source`, and the rows they apply to, in an order of locks that all batches share. */
const lockInOrder = (source: string) => `
  change as materialized (
    select * from ${source}
  ), locked as materialized (
    select j.job_id from jobs j join change c on c.job_id = j.job_id
    where ${IS_AHEAD}
    order by j.job_id
    for no key update of j
  )`

const LOCKED = 'change c join locked l on l.job_id = c.job_id'

const advanceOne = prepareForOne<StatusChange, JobRow>(CHANGE, move)

const endOne = prepareForOne<StatusChange, JobRow>(
  CHANGE,
  (source) => `with moved as (${move(source)}), ${keepAndTell(source)} select * from moved`,
)

const advanceMany = prepareForMany<StatusChange, JobRow>(
  CHANGE,
  (source) => `with ${lockInOrder(source)} ${move(LOCKED)}`,
)

const endMany = prepareForMany<StatusChange, JobRow>(
  CHANGE,
  (source) => `
  with ${lockInOrder(source)}, moved as (${move(LOCKED)}), ${keepAndTell('change c')} select * from moved`,
)

function isAttempt(attempt: number): boolean {
  return Number.isInteger(attempt) && attempt >= 0 && attempt <= MAX_INTEGER
}
