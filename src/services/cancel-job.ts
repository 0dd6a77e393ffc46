/**
 * The owner ends a job. The guarded update decides, whatever else is happening to the job at that moment; from there
 * on the row speaks for itself:
 *
 *   uploading            → the uploader finds the row cancelled: no object, 409 `job-cancelled`; what a client sent
 *                          straight to S3 is cleared away here
 *   stored, queued       → the waiting entry is taken out; one that is left, or running, is acknowledged unsent
 *   forwarded, analysing → the analyser looks before its work and at its progress marks, and stops; the analysis server
 *                          of the direct route is not told and goes on
 *   afterwards           → a result that still comes is acknowledged, noted and dropped
 */
import { AppError, toAppError } from '../domain/errors.ts'
import type { Job } from '../domain/job.ts'
import type { Ports } from '../ports.ts'
import { dropUpload, tidily } from './drop-upload.ts'
import { publishJobs } from './publish-job.ts'

type CancelPorts = Pick<
  Ports,
  'jobs' | 'jobQueue' | 'objects' | 'directUploads' | 'uploadFacts' | 'progress' | 'timeline' | 'metrics' | 'log'
>

/**
 * Cancels a job in whatever attempt it is, publishes that, and returns its row.
 *
 * @throws AppError `job-terminal` when it has ended, `job-not-found`, `database-unavailable`
 */
export async function cancelJob(ports: CancelPorts, { jobId, attempt }: Pick<Job, 'jobId' | 'attempt'>): Promise<Job> {
  const [advanced] = await ports.jobs.advance([{ jobId, attempt, to: 'cancelled' }])
  const job = advanced?.job
  if (job === undefined) throw new AppError('job-not-found', `There is no job ${jobId}`)
  // A retry came in between: what the owner wants to end is the job, not the attempt.
  if (!advanced?.moved && job.attempt > attempt) return cancelJob(ports, job)
  if (advanced?.moved) ports.timeline.note({ jobId, attempt, hop: 'cancel', outcome: 'cancelled' })
  await publishJobs(ports, [job])
  if (!advanced?.moved) throw new AppError('job-terminal', `The job is ${job.status} already`)
  ports.metrics.count('job_operations', { operation: 'cancel' })
  ports.log.info({ jobId, attempt }, 'job cancelled')
  await takeOut(ports, job)
  // Without a hash nothing was stored: whatever has arrived belongs to no job any more.
  if (job.sha256 === null) await tidily(ports, job, () => dropUpload(ports, job))
  return job
}

/** Best effort: an entry that stays is acknowledged by the forwarder, which reads the row first. */
async function takeOut({ jobQueue, log }: CancelPorts, { jobId, attempt, route }: Job): Promise<void> {
  if (route === 'direct') return
  try {
    await jobQueue.remove(jobId, attempt)
  } catch (error) {
    log.debug({ jobId, attempt, code: toAppError(error).code, err: error }, 'waiting entry of a cancelled job left')
  }
}
