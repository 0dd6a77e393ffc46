import { AppError, ERRORS, type ErrorCode } from '../domain/errors.ts'
import type { Job } from '../domain/job.ts'

/** The job whose upload is over; throws what ended it when that was before its recording was stored. */
export function settledUpload(job: Job): Job {
  const { jobId, status, error } = job
  if (status === 'failed' && error?.stage === 'uploading') {
    const code = error.code in ERRORS ? (error.code as ErrorCode) : 'upload-aborted'
    throw new AppError(code, error.detail)
  }
  // When it was cancelled is not kept: whatever its recording was, there is no use for it.
  if (status === 'cancelled') throw new AppError('job-cancelled', `Job ${jobId} was cancelled`)
  return job
}
