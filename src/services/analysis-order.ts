import type { Job } from '../domain/job.ts'
import type { AnalysisRequest } from '../domain/messages.ts'
import type { Ports } from '../ports.ts'

/** The order to analyse a job, the same on both routes but for where the answer goes. */
export function toAnalysisOrder(
  { objects }: Pick<Ports, 'objects'>,
  job: Job,
  callbackUrl: string | null,
): AnalysisRequest {
  const urlOf = (key: string | null | undefined): string | null => (key ? objects.urlOf(key) : null)
  return {
    version: 1,
    job_id: job.jobId,
    attempt: job.attempt,
    owner: job.owner,
    token_id: job.tokenId,
    s3_audio_url: objects.urlOf(job.objectKey),
    s3_textgrid_url: urlOf(job.reference?.textgridKey),
    s3_pitch_url: urlOf(job.reference?.pitchKey),
    callback_url: callbackUrl,
    traceparent: job.traceparent,
  }
}
