/** One step of one job, or a word to its owner, as the progress log keeps it and an event stream sends it. */
import { isTerminal, type Job, type JobStatus } from './job.ts'

export interface ProgressEvent {
  readonly owner: string
  readonly jobId: string
  readonly attempt: number
  readonly status: JobStatus
  /** 0–100. */
  readonly progress: number
  /** The event's JSON as clients receive it, encoded once. */
  readonly data: string
}

/** What an owner is told that is not a step of one job: its fields go to clients as they are, in JSON. */
export interface Notification {
  readonly at: Date
  readonly [field: string]: unknown
}

/** A notification as it is logged. It is no job's: what tells a step apart is missing. */
export interface NotificationEvent {
  readonly jobId?: undefined
  readonly attempt?: undefined
  readonly status?: undefined
  readonly progress?: undefined
  /** Its JSON as clients receive it. */
  readonly data: string
}

/** SSE event name of a status. */
export function eventNameOf(status: JobStatus): string {
  return isTerminal(status) ? status : 'progress'
}

/**
 * The event that tells a job's current state; `now` overrides what an analyser reports between two statuses.
 * The fields are those of the job's JSON that matter to a reader who follows along.
 */
export function toProgressEvent(job: Job, now: { progress?: number; message?: string; at?: Date } = {}): ProgressEvent {
  const progress = now.progress ?? job.progress
  const data = {
    job_id: job.jobId,
    token_id: job.tokenId,
    status: job.status,
    progress,
    message: now.message ?? job.message,
    attempt: job.attempt,
    at: (now.at ?? job.updatedAt).toISOString(),
    ...(job.error === null ? {} : { error: job.error }),
  }
  return {
    owner: job.owner,
    jobId: job.jobId,
    attempt: job.attempt,
    status: job.status,
    progress,
    data: JSON.stringify(data),
  }
}
