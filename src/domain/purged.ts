import { AppError } from './errors.ts'
import type { Job } from './job.ts'

/** Why something of a job is gone: retention took it. */
export function purged({ jobId, purgedAt }: Job): AppError {
  const day = purgedAt?.toISOString().slice(0, 10)
  return new AppError('job-purged', `Recording and result of job ${jobId} were deleted on ${day}, by retention`)
}
