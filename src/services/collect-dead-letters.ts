/**
 * Invariant 4: what no consumer could bring to an end does not vanish. Three ways lead here:
 *
 *   analysis queue's dead letters → the order is kept, its job's attempt ends as failed
 *   results queue's dead letters  → applied once more; only an answer that can never be applied is kept, and ends its job
 *   a final error of forwarding   → the same, without a dead-letter queue
 *
 * The copy is committed first, then the job moves, then it is published, then the message goes: a crash between two of
 * them repeats, and a repeat finds the copy. A letter never changes a job that has ended, nor another attempt. What is not
 * JSON, is of another version or names no job of ours is kept and touches no job. A failure that can pass is thrown: the
 * letter stays where it is, and a dead-letter queue has no redrive policy that could take it away.
 */
import { TOPOLOGY } from '../../infra/topology.ts'
import { type LetterSource, readLetterRef } from '../domain/dead-letter.ts'
import { AppError, isFinal } from '../domain/errors.ts'
import { isTerminal, type Job } from '../domain/job.ts'
import { parseAnalysisRequest } from '../domain/messages.ts'
import { recordingPrefix } from '../domain/object-keys.ts'
import type { ConsumeOptions, Ports, QueuedJob, ReceivedMessage } from '../ports.ts'
import { publishJobs } from './publish-job.ts'
import { recordResult } from './record-result.ts'

type CollectPorts = Pick<Ports, 'jobs' | 'objects' | 'progress' | 'deadLetters' | 'timeline' | 'metrics' | 'log'>

/** What was received, and where. */
type Dead = Pick<ReceivedMessage, 'body' | 'messageId' | 'receiveCount'> & { readonly source: LetterSource }

const CONCURRENCY = 4

/** Consumes both dead-letter queues until the signal aborts; safe on many instances. */
export async function collectDeadLetters(
  ports: CollectPorts & Pick<Ports, 'analysisDeadQueue' | 'resultDeadQueue'>,
  options: Pick<ConsumeOptions, 'signal' | 'release'>,
): Promise<void> {
  const consuming = { ...options, concurrency: CONCURRENCY }
  const { jobs, objects } = ports
  await Promise.all([
    ports.analysisDeadQueue.consume((message) => staying(collectDeadOrder(ports, message)), {
      ...consuming,
      probe: () => jobs.check(),
    }),
    ports.resultDeadQueue.consume((message) => staying(collectDeadAnswer(ports, message)), {
      ...consuming,
      probe: async () => void (await Promise.all([jobs.check(), objects.check()])),
    }),
  ])
}

/** An order to analyse that was received too often, by crashes or faults of ours: outages wear none out. Throws only what can pass. */
export async function collectDeadOrder(ports: CollectPorts, message: Omit<Dead, 'source'>): Promise<void> {
  const dead: Dead = { ...pick(message), source: 'analysis' }
  const job = await findJob(ports, dead)
  await bury(ports, dead, faultOfOrder(ports, dead, job), job)
}

/** An answer that could not be recorded, which may be possible by now. Throws only what can pass. */
export async function collectDeadAnswer(ports: CollectPorts, message: Omit<Dead, 'source'>): Promise<void> {
  const dead: Dead = { ...pick(message), source: 'results' }
  try {
    await recordResult(ports, dead)
    return count(ports, dead, 'applied')
  } catch (error) {
    if (!isFinal(error)) throw error
    const job = await findJob(ports, dead)
    if (job === undefined || !isOver(job, dead)) return bury(ports, dead, error, job)
    // Nothing waits for this answer any more. Only the repeat of a letter that ended the job itself is known.
    count(ports, dead, (await ports.deadLetters.raise(dead)) ? 'repeat' : 'settled')
    await publishJobs(ports, [job])
  }
}

/** The forward handler, whose final errors become letters: a job that cannot be forwarded ends, and is acknowledged. */
export function buryingForwards(
  ports: CollectPorts,
  forward: (entry: QueuedJob) => Promise<void>,
): (entry: QueuedJob) => Promise<void> {
  return async (entry) => {
    try {
      await forward(entry)
    } catch (error) {
      if (!isFinal(error)) throw error
      const { jobId, attempt } = entry
      const body = JSON.stringify({ version: 1, job_id: jobId, attempt })
      const dead: Dead = { source: 'forward', messageId: `${jobId}-${attempt}`, body, receiveCount: 1 }
      await staying(findJob(ports, dead).then((job) => bury(ports, dead, error, job)))
    }
  }
}

/** Keeps the copy, ends the attempt unless it has ended, and publishes. Every step may be repeated. */
async function bury(ports: CollectPorts, dead: Dead, fault: AppError, job: Job | undefined): Promise<void> {
  const { jobId, attempt, owner, isOurs } = readLetterRef(dead.body)
  const { code, detail } = fault
  const told = isOurs ? job : undefined
  const settled = told !== undefined && isOver(told, dead) ? `The job was ${told.status} already` : undefined
  const isNew = await ports.deadLetters.keep({
    ...{ ...dead, jobId, attempt, code, detail },
    owner: job?.owner ?? owner,
    stage: told?.attempt === attempt ? (told?.status ?? null) : null,
    ...(settled === undefined ? {} : { settled }),
  })
  count(ports, dead, isNew ? (settled === undefined ? 'kept' : 'settled') : 'repeat')
  const { source, messageId, receiveCount } = dead
  ports.log.warn({ source, messageId, receiveCount, jobId, attempt, code, isNew }, 'dead letter kept')
  if (told === undefined || attempt === null) return
  const hop = { hop: 'dead-letter', outcome: isNew ? 'kept' : 'repeat', messageId, receiveCount, detail: code } as const
  ports.timeline.note({ jobId: told.jobId, attempt, ...hop })
  const error = { code, detail, retryable: true }
  const [ended] = await ports.jobs.advance([{ jobId: told.jobId, attempt, to: 'failed', error }])
  if (ended?.moved) ports.log.warn({ jobId, attempt, code, source }, 'job ended by a dead letter')
  await publishJobs(ports, ended?.job === undefined ? [] : [ended.job])
}

function faultOfOrder(ports: Pick<Ports, 'objects'>, { body }: Dead, job: Job | undefined): AppError {
  try {
    const { job_id: jobId, s3_audio_url: url } = parseAnalysisRequest(body)
    if (job === undefined) return new AppError('job-not-found', `There is no job ${jobId}`)
    if (!ports.objects.keyOf(url)?.startsWith(recordingPrefix(job.owner))) {
      return new AppError('message-invalid', 'The recording does not lie in its owner’s part of the bucket')
    }
    const { maxReceiveCount } = TOPOLOGY.analysisQueue
    return new AppError(
      'analysis-abandoned',
      `The order to analyse was handed out ${maxReceiveCount} times and never came to an end`,
    )
  } catch (error) {
    if (isFinal(error)) return error
    throw error
  }
}

async function findJob({ jobs }: Pick<Ports, 'jobs'>, { body }: Dead): Promise<Job | undefined> {
  const { jobId } = readLetterRef(body)
  return jobId === null ? undefined : jobs.find(jobId)
}

/** True when the message is of an attempt that has ended, or of another than the job's. */
function isOver(job: Job, { body }: Dead): boolean {
  const { attempt, isOurs } = readLetterRef(body)
  return isOurs && (job.attempt !== attempt || isTerminal(job.status))
}

/** A consumer gives back at once what failed for good, to be rid of it soon: here it would come back for ever. */
async function staying(work: Promise<void>): Promise<void> {
  try {
    await work
  } catch (error) {
    if (!isFinal(error)) throw error
    throw new AppError('internal', 'The dead letter could not be kept', { cause: error })
  }
}

function count({ metrics }: CollectPorts, { source }: Dead, outcome: string): void {
  metrics.count('dead_letters', { source, outcome })
}

function pick({ body, messageId, receiveCount }: Omit<Dead, 'source'>): Omit<Dead, 'source'> {
  return { body, messageId, receiveCount }
}
