import type { Job } from '../domain/job.ts'
import type { JobView } from './schemas.ts'

/** A job as clients see it. */
export function toJobView(job: Job, eventCursor: string | null): JobView {
  const self = `/v1/jobs/${job.jobId}`
  return {
    job_id: job.jobId,
    token_id: job.tokenId,
    owner: job.owner,
    status: job.status,
    progress: job.progress,
    message: job.message,
    route: job.route,
    attempt: job.attempt,
    filename: job.filename,
    content_type: job.contentType,
    size_bytes: job.sizeBytes,
    sha256: job.sha256,
    duration_s: job.durationS,
    priority: job.priority,
    not_before: job.notBefore?.toISOString() ?? null,
    metadata: { ...job.metadata },
    event_cursor: eventCursor,
    created_at: job.createdAt.toISOString(),
    updated_at: job.updatedAt.toISOString(),
    finished_at: job.finishedAt?.toISOString() ?? null,
    error: job.error && { ...job.error },
    links: { self, events: `${self}/events`, result: `${self}/result` },
  }
}
