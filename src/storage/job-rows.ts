/** Rows of `jobs` as the domain's Job, and texts from outside as the database takes them. */
import type { Selectable } from 'kysely'
import type { Job, JobError } from '../domain/job.ts'
import type { JobsTable } from './tables.ts'

/** The columns a Job is made of, named one by one so that a later migration may add others under a running process. */
export const JOB_COLUMNS = [
  'job_id',
  'owner',
  'token_id',
  'status',
  'attempt',
  'progress',
  'message',
  'route',
  'filename',
  'content_type',
  'object_key',
  'size_bytes',
  'sha256',
  'duration_s',
  'priority',
  'metadata',
  'callback_url',
  'not_before',
  'traceparent',
  'created_at',
  'updated_at',
  'finished_at',
  'error_code',
  'error_stage',
  'error_detail',
  'error_retryable',
  'reference',
  'purge_begun_at',
  'route_reason',
  'flag_version',
] as const satisfies readonly (keyof JobsTable)[]

export type JobRow = Pick<Selectable<JobsTable>, (typeof JOB_COLUMNS)[number]>

export function toJob(row: JobRow): Job {
  return {
    jobId: row.job_id,
    owner: row.owner,
    tokenId: row.token_id,
    status: row.status,
    attempt: row.attempt,
    progress: row.progress,
    message: row.message,
    route: row.route,
    filename: row.filename,
    contentType: row.content_type,
    objectKey: row.object_key,
    sizeBytes: row.size_bytes === null ? null : Number(row.size_bytes),
    sha256: row.sha256,
    durationS: row.duration_s,
    priority: row.priority,
    metadata: row.metadata,
    callbackUrl: row.callback_url,
    notBefore: row.not_before,
    traceparent: row.traceparent,
    createdAt: row.created_at,
    updatedAt: row.updated_at,
    finishedAt: row.finished_at,
    error: toJobError(row),
    reference: row.reference,
    purgedAt: row.purge_begun_at,
    routeReason: row.route_reason,
    flagVersion: row.flag_version,
  }
}

function toJobError(row: JobRow): JobError | null {
  const { error_code: code, error_stage: stage, error_detail: detail, error_retryable: retryable } = row
  if (code === null || stage === null || detail === null || retryable === null) return null
  return { code, stage, detail, retryable }
}

/**
 * A text from outside made to fit its column: NUL, which PostgreSQL refuses, becomes U+FFFD, and what is over
 * `maxBytes` of UTF-8 is cut off between characters. So one odd text never fails a statement that carries a hundred.
 */
export function fitText(text: string, maxBytes: number): string {
  const bytes = Buffer.from(text.replaceAll('\0', '\ufffd'))
  if (bytes.length <= maxBytes) return bytes.toString()
  let end = maxBytes
  // A continuation byte is 10xxxxxx.
  while (end > 0 && (bytes[end]! & 0xc0) === 0x80) end -= 1
  return bytes.toString('utf8', 0, end)
}
