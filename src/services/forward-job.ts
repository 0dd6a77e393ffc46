/** The hop from Redis to SQS. Invariant 2: send first, then move the row; a crash between the two repeats the send. */

import { toAppError } from '../domain/errors.ts'
import { canAdvance, type Job } from '../domain/job.ts'
import type { Ports, QueuedJob } from '../ports.ts'
import { toAnalysisOrder } from './analysis-order.ts'
import { publishJobs } from './publish-job.ts'

type ForwardPorts = Pick<Ports, 'jobs' | 'analysisQueue' | 'objects' | 'progress' | 'timeline' | 'metrics' | 'log'>

/** Forwards a queued job; one that is past this hop, ended or of another attempt is acknowledged and published again. */
export async function forwardJob(ports: ForwardPorts, entry: QueuedJob): Promise<void> {
  try {
    await forward(ports, entry)
  } catch (error) {
    const { jobId, attempt } = entry
    ports.timeline.note({ jobId, attempt, hop: 'forward', outcome: 'failed', detail: toAppError(error).code })
    throw error
  }
}

async function forward(ports: ForwardPorts, { jobId, attempt }: Pick<QueuedJob, 'jobId' | 'attempt'>): Promise<void> {
  const hop = { jobId, attempt, hop: 'forward' } as const
  const job = await ports.jobs.find(jobId)
  if (job === undefined || job.attempt !== attempt || !canAdvance(job.status, 'forwarded')) {
    ports.metrics.count('forwards', { outcome: 'repeat' })
    ports.timeline.note({ ...hop, outcome: 'repeat' })
    return publishJobs(ports, job === undefined ? [] : [job])
  }
  const beganAtMs = performance.now()
  const messageId = await sendForAnalysis(ports, job)
  ports.timeline.note({ ...hop, outcome: 'sent', messageId, beganAtMs })
  const [advanced] = await ports.jobs.advance([{ jobId, attempt, to: 'forwarded' }])
  ports.metrics.count('forwards', { outcome: 'sent' })
  await publishJobs(ports, advanced?.job === undefined ? [] : [advanced.job])
}

/**
 * Sends the order to analyse a job, whatever its row says; throws when the queue refuses it.
 *
 * @returns the queue's name of the message, where it gives one
 */
export async function sendForAnalysis(
  ports: Pick<Ports, 'analysisQueue' | 'objects'>,
  job: Job,
): Promise<string | undefined> {
  const order = toAnalysisOrder(ports, job, null)
  let messageId: string | undefined
  const onSent = (id: string): void => {
    messageId = id
  }
  const [failure] = await ports.analysisQueue.send([{ body: JSON.stringify(order), groupId: job.owner, onSent }])
  if (failure !== undefined) throw failure
  return messageId
}
