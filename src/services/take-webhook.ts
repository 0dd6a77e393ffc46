/** An answer of the legacy analysis server, as it comes by HTTP; who sent it was found out before. */
import { AppError } from '../domain/errors.ts'
import { parseAnalysisAnswer, parseOldAnswer } from '../domain/messages.ts'
import { type Recorded, type RecordPorts, recordAnswer } from './record-result.ts'
import type { KeyedThrottle } from './throttle.ts'

export interface Webhook {
  /** Of its address. */
  readonly jobId: string
  /** Of its address too, which names none for a first attempt. */
  readonly attempt?: number | undefined
  readonly body: string
  /** False for a server that cannot sign: it need not know of versions and attempts either. */
  readonly isSigned: boolean
}

/**
 * Records the answer as one from the results queue would be; one that repeats or comes too late is acknowledged.
 *
 * @throws AppError `message-invalid` for what is no answer to this job, `job-not-found`, `job-not-direct`,
 *   `database-unavailable`, `storage-unavailable`
 */
export async function takeWebhook(
  ports: RecordPorts,
  { jobId, attempt, body, isSigned }: Webhook,
  mayTell?: KeyedThrottle,
): Promise<Recorded> {
  const job = await ports.jobs.find(jobId)
  if (job === undefined) throw new AppError('job-not-found', `There is no job ${jobId}`)
  if (job.route !== 'direct') throw new AppError('job-not-direct', `Job ${jobId} took the queue.`)
  const answer = isSigned ? parseAnalysisAnswer(body) : parseOldAnswer(body, { job_id: jobId, attempt: attempt ?? 1 })
  if (answer.job_id !== jobId) {
    throw new AppError('message-invalid', 'The job_id of the body is another than that of the address')
  }
  if (attempt !== undefined && answer.attempt !== attempt) {
    throw new AppError('message-invalid', 'The attempt of the body is another than that of the address')
  }
  return recordAnswer(ports, answer, {}, mayTell)
}
