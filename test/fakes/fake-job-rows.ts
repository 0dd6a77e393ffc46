/** Rows of the job store in memory: as they are made, begun anew and made older. */
import { type Job, STATUS_MESSAGES } from '../../src/domain/job.ts'
import type { Announced } from '../../src/ports/direct-uploads.ts'
import type { NewJob } from '../../src/ports.ts'

export interface Row {
  job: Job
  uploadDeadlineMs: number
  stageMs: number
  /** From when a row's waiting counts. */
  watchedFromMs: number
  claims: number
  idempotencyKey: string | null
  /** When the row was made, or its running attempt by a retry. */
  begunMs: number
  /** Of the first attempt that failed, once there is another. */
  firstErrorCode: string | null
  /** Of a direct upload. */
  readonly announced?: Announced
  uploadId?: string
}

export function toRow(
  { uploadTimeoutS, idempotencyKey = null, announced, routeReason = null, flagVersion = null, ...job }: NewJob,
  nowMs: number,
): Row {
  const at = new Date(nowMs)
  const uploadDeadlineMs = nowMs + uploadTimeoutS * 1000
  return {
    job: {
      ...job,
      status: 'uploading',
      attempt: 1,
      progress: 0,
      message: STATUS_MESSAGES.uploading,
      sizeBytes: null,
      sha256: null,
      durationS: null,
      createdAt: at,
      updatedAt: at,
      finishedAt: null,
      error: null,
      reference: null,
      purgedAt: null,
      routeReason,
      flagVersion,
    },
    uploadDeadlineMs,
    stageMs: nowMs,
    watchedFromMs: uploadDeadlineMs,
    claims: 0,
    idempotencyKey,
    begunMs: nowMs,
    firstErrorCode: null,
    ...(announced === undefined ? {} : { announced }),
  }
}

export function restarted(row: Row, nowMs: number): Row {
  const { job } = row
  const attempt = job.attempt + 1
  const fresh = {
    status: 'stored',
    progress: 25,
    message: STATUS_MESSAGES.stored,
    finishedAt: null,
    error: null,
  } as const
  const updatedAt = new Date(Math.max(nowMs, job.updatedAt.getTime()))
  const watchedFromMs = Math.max(nowMs, job.notBefore?.getTime() ?? 0)
  return {
    ...row,
    job: { ...job, ...fresh, attempt, updatedAt },
    stageMs: nowMs,
    begunMs: nowMs,
    firstErrorCode: row.firstErrorCode ?? job.error?.code ?? null,
    watchedFromMs,
    claims: 0,
  }
}

export function aged(row: Row, byMs: number): Row {
  const earlier = (date: Date) => new Date(date.getTime() - byMs)
  const { job } = row
  return {
    ...row,
    job: {
      ...job,
      createdAt: earlier(job.createdAt),
      updatedAt: earlier(job.updatedAt),
      finishedAt: job.finishedAt && earlier(job.finishedAt),
      purgedAt: job.purgedAt && earlier(job.purgedAt),
    },
    uploadDeadlineMs: row.uploadDeadlineMs - byMs,
    stageMs: row.stageMs - byMs,
    watchedFromMs: row.watchedFromMs - byMs,
    begunMs: row.begunMs - byMs,
  }
}
