/**
 * Hands a stored job to its route. Invariant 10: the row is the outbox, so a queue that is away does not fail the
 * job; it stays `stored` and the reconciler hands it over later. The direct route: post-order.ts.
 */
import { AppError } from '../domain/errors.ts'
import type { Job } from '../domain/job.ts'
import type { Ports } from '../ports.ts'
import { beginPost } from './post-order.ts'
import { publishJobs } from './publish-job.ts'

type DispatchPorts = Pick<
  Ports,
  'jobs' | 'objects' | 'jobQueue' | 'analysisServer' | 'progress' | 'timeline' | 'metrics' | 'log'
>

/**
 * Adds the job to the queue, then moves its row to `queued` and publishes; one of the direct route begins to be posted and
 * is still `stored` when this returns. Repeating it is harmless.
 *
 * @returns the row as it is now, or as it was given when queue or database cannot be reached: accepted is accepted
 */
export async function dispatchJob(ports: DispatchPorts, job: Job): Promise<Job> {
  if (job.route === 'direct') {
    beginPost(ports, job)
    return job
  }
  const hop = { jobId: job.jobId, attempt: job.attempt, hop: 'dispatch', beganAtMs: performance.now() } as const
  try {
    await ports.jobQueue.add([job])
    ports.timeline.note({ ...hop, outcome: 'queued' })
    const [advanced] = await ports.jobs.advance([{ jobId: job.jobId, attempt: job.attempt, to: 'queued' }])
    const current = advanced?.job ?? job
    ports.metrics.count('dispatches', { outcome: 'queued' })
    await publishJobs(ports, [current])
    return current
  } catch (error) {
    if (!(error instanceof AppError) || error.retry === 'never') throw error
    ports.metrics.count('dispatches', { outcome: 'deferred' })
    ports.timeline.note({ ...hop, outcome: 'deferred', detail: error.code })
    ports.log.warn({ jobId: job.jobId, err: error }, 'job left for the reconciler')
    return job
  }
}
