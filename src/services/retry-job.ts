/** A failed job gets its next attempt: the guarded update makes it, then it goes the way of a job just stored. */
import { AppError } from '../domain/errors.ts'
import type { Job } from '../domain/job.ts'
import { purged } from '../domain/purged.ts'
import type { Ports } from '../ports.ts'
import { dispatchJob } from './dispatch-job.ts'
import { publishJobs } from './publish-job.ts'

type RetryPorts = Pick<
  Ports,
  'jobs' | 'objects' | 'jobQueue' | 'analysisServer' | 'progress' | 'timeline' | 'metrics' | 'log'
>

/**
 * Starts the next attempt of a job that failed with a `retryable` error and whose recording is kept. Of several asked
 * at once one is told of the new attempt, the others that there is nothing to retry.
 *
 * @returns the row as it is once handed over; `stored` while the queue is away, and on the direct route
 * @throws AppError `job-not-retryable`, `job-purged`, `direct-route-missing`, `object-not-found`, `storage-unavailable`,
 *   `database-unavailable`
 */
export async function retryJob(ports: RetryPorts, job: Job): Promise<Job> {
  await assertCanRetry(ports, job)
  const { moved, job: current } = await ports.jobs.restart(job.jobId, job.attempt)
  if (current === undefined) throw new AppError('job-not-found', `There is no job ${job.jobId}`)
  const { jobId, attempt } = current
  if (moved) ports.timeline.note({ jobId, attempt, hop: 'retry', outcome: 'restarted' })
  await publishJobs(ports, [current])
  if (!moved) assertRetryable(current)
  if (!moved) throw new AppError('job-not-retryable', `The job is ${current.status}, in attempt ${current.attempt}`)
  ports.metrics.count('job_operations', { operation: 'retry' })
  ports.log.info({ jobId, attempt }, 'job retried')
  return dispatchJob(ports, current)
}

/** Throws what `retryJob` would for this row, and changes nothing. */
export async function assertCanRetry(ports: Pick<Ports, 'objects' | 'analysisServer'>, job: Job): Promise<void> {
  assertRetryable(job)
  if (job.route === 'direct' && !ports.analysisServer.isConfigured) {
    const detail = 'The job took the direct route, and there is none any more'
    throw new AppError('direct-route-missing', `${detail}: set ANALYSIS_SERVER_URL and WEBHOOK_URL, or upload it again`)
  }
  await assertKept(ports, job)
}

function assertRetryable(job: Job): void {
  const { status, error, purgedAt } = job
  if (purgedAt !== null) throw purged(job)
  if (status !== 'failed') throw new AppError('job-not-retryable', `The job is ${status}; only a failed one is retried`)
  if (error?.retryable) return
  throw new AppError('job-not-retryable', `The job failed for good: ${error?.detail ?? 'no reason is known'}`)
}

/** Throws `object-not-found` when the recording is gone. */
async function assertKept({ objects }: Pick<Ports, 'objects'>, { objectKey }: Job): Promise<void> {
  if ((await objects.head(objectKey)) !== undefined) return
  throw new AppError('object-not-found', 'The recording is no longer kept')
}
