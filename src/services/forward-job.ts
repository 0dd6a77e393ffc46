/** The hop from Redis to SQS. Invariant 2: send first, then move the row; a crash between the two repeats the send. */

import { canAdvance, type Job } from '../domain/job.ts'
import type { AnalysisRequest } from '../domain/messages.ts'
import type { Ports, QueuedJob } from '../ports.ts'
import { publishJobs } from './publish-job.ts'

type ForwardPorts = Pick<Ports, 'jobs' | 'analysisQueue' | 'objects' | 'progress' | 'metrics' | 'log'>

/** Forwards a queued job; one that is past this hop, ended or of another attempt is acknowledged and published again. */
export async function forwardJob(ports: ForwardPorts, { jobId, attempt }: QueuedJob): Promise<void> {
  const job = await ports.jobs.find(jobId)
  if (job === undefined || job.attempt !== attempt || !canAdvance(job.status, 'forwarded')) {
    ports.metrics.count('forwards', { outcome: 'repeat' })
    return publishJobs(ports, job === undefined ? [] : [job])
  }
  await sendForAnalysis(ports, job)
  const [advanced] = await ports.jobs.advance([{ jobId, attempt, to: 'forwarded' }])
  ports.metrics.count('forwards', { outcome: 'sent' })
  await publishJobs(ports, advanced?.job === undefined ? [] : [advanced.job])
}

/** Sends the order to analyse a job, whatever its row says; throws when the queue refuses it. */
export async function sendForAnalysis(ports: Pick<Ports, 'analysisQueue' | 'objects'>, job: Job): Promise<void> {
  const urlOf = (key: string | null | undefined): string | null => (key ? ports.objects.urlOf(key) : null)
  const request: AnalysisRequest = {
    version: 1,
    job_id: job.jobId,
    attempt: job.attempt,
    owner: job.owner,
    token_id: job.tokenId,
    s3_audio_url: ports.objects.urlOf(job.objectKey),
    s3_textgrid_url: urlOf(job.reference?.textgridKey),
    s3_pitch_url: urlOf(job.reference?.pitchKey),
    callback_url: null,
    traceparent: job.traceparent,
  }
  const [failure] = await ports.analysisQueue.send([{ body: JSON.stringify(request), groupId: job.owner }])
  if (failure !== undefined) throw failure
}
