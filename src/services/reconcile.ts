/**
 * Invariants 1 and 11: the rows say what has to be done, and waiting is not stalling. One pass looks at the rows that
 * nothing has touched for long; claims are made in the database, so passes may run on many instances at once.
 *
 *   uploading, past its deadline            → failed, object and parts deleted
 *   stored, queued, untouched               → added to the queue again (a no-op while it waits or runs there); not
 *                                             looked at while Redis is away, so that none has to wait when it is back
 *   forwarded, analysing, untouched         → sent again, only when both SQS queues hold nothing visible or in flight
 *   any of them, older than the age limit   → failed
 */
import { AppError, toAppError } from '../domain/errors.ts'
import type { Job, UnfinishedStatus } from '../domain/job.ts'
import type { TimelineEntry } from '../domain/timeline.ts'
import type { Ports } from '../ports.ts'
import { dispatchJob } from './dispatch-job.ts'
import { dropUpload } from './drop-upload.ts'
import { sendForAnalysis } from './forward-job.ts'
import { publishJobs } from './publish-job.ts'

type ReconcilePorts = Pick<
  Ports,
  | 'jobs'
  | 'objects'
  | 'directUploads'
  | 'uploadFacts'
  | 'jobQueue'
  | 'analysisQueue'
  | 'resultQueue'
  | 'progress'
  | 'timeline'
  | 'metrics'
  | 'log'
>

export interface ReconcileRules {
  readonly waitingS: number
  readonly inFlightS: number
  readonly maxAgeS: number
}

const CLAIM_LIMIT = 200

/**
 * One pass, over all that has stalled. What fails for one row is logged and left for a later pass; only the database
 * being away throws. The object of an upload that is ended while the store is away falls to the sweep.
 */
export async function reconcile(ports: ReconcilePorts, rules: ReconcileRules): Promise<void> {
  for (const job of await ports.jobs.findOlderThan(rules.maxAgeS, CLAIM_LIMIT)) {
    await attend(ports, job, () => giveUp(ports, job))
  }
  const { waitingS, inFlightS } = rules
  const queuesAreEmpty = once(() => areQueuesEmpty(ports))
  const queueIsAway = !(await isRedisUp(ports))
  for (let more = true; more; ) {
    const stalled = await ports.jobs.claimStalled({ waitingS, inFlightS, queueIsAway, limit: CLAIM_LIMIT })
    await Promise.all(stalled.map((job) => attend(ports, job, () => resume(ports, job, queuesAreEmpty))))
    more = stalled.length === CLAIM_LIMIT
  }
}

async function resume(ports: ReconcilePorts, job: Job, queuesAreEmpty: () => Promise<boolean>): Promise<void> {
  switch (job.status) {
    case 'uploading':
      return endUpload(ports, job)
    case 'stored':
    case 'queued':
      note(ports, job, 'added-again')
      return void (await dispatchJob(ports, job))
    case 'forwarded':
    case 'analysing':
      if (!(await queuesAreEmpty())) return
      note(ports, job, 'sent-again', { beganAtMs: performance.now(), messageId: await sendForAnalysis(ports, job) })
      ports.metrics.count('reconciled', { action: 'sent' })
      return ports.log.warn({ jobId: job.jobId, status: job.status }, 'job sent for analysis again')
    default:
      return
  }
}

async function endUpload(ports: ReconcilePorts, job: Job): Promise<void> {
  const detail = 'The upload did not end before its deadline'
  const ended = await fail(ports, job, new AppError('upload-expired', detail), false)
  if (ended) await dropUpload(ports, job)
}

async function giveUp(ports: ReconcilePorts, job: Job): Promise<void> {
  if (job.status === 'uploading') return endUpload(ports, job)
  const detail = `The job was still ${job.status} when it reached the age limit`
  await fail(ports, job, new AppError('job-too-old', detail), true)
}

/** True when the row was still in the status it was claimed in: a job that went on meanwhile is left alone. */
async function fail(ports: ReconcilePorts, job: Job, error: AppError, retryable: boolean): Promise<boolean> {
  const { jobId, attempt } = job
  const from = job.status as UnfinishedStatus
  const { code, detail } = error
  const [ended] = await ports.jobs.advance([{ jobId, attempt, from, to: 'failed', error: { code, detail, retryable } }])
  if (ended?.moved) ports.log.warn({ jobId, attempt, code }, 'job ended by the reconciler')
  if (ended?.moved) ports.metrics.count('reconciled', { action: code })
  if (ended?.moved) note(ports, job, 'ended', { detail: code })
  await publishJobs(ports, ended?.job === undefined ? [] : [ended.job])
  return ended?.moved ?? false
}

function note(
  { timeline }: ReconcilePorts,
  { jobId, attempt }: Job,
  outcome: 'added-again' | 'sent-again' | 'ended',
  more: Pick<TimelineEntry, 'messageId' | 'detail' | 'beganAtMs'> = {},
): void {
  timeline.note({ jobId, attempt, hop: 'reconcile', outcome, ...more })
}

/** The queue close to the API and the progress log are on the same Redis. */
async function isRedisUp({ progress, log }: ReconcilePorts): Promise<boolean> {
  try {
    await progress.check()
    return true
  } catch (error) {
    log.debug({ err: error }, 'waiting jobs left alone: no queue to add them to')
    return false
  }
}

async function areQueuesEmpty(ports: ReconcilePorts): Promise<boolean> {
  const depths = await Promise.all([ports.analysisQueue.depth(), ports.resultQueue.depth()])
  return depths.every(({ visible, inFlight }) => visible === 0 && inFlight === 0)
}

async function attend(ports: ReconcilePorts, job: Job, action: () => Promise<void>): Promise<void> {
  try {
    await action()
  } catch (error) {
    if (toAppError(error).code === 'database-unavailable') throw error
    ports.metrics.count('reconciled', { action: 'error' })
    ports.log.warn({ jobId: job.jobId, status: job.status, err: error }, 'job left for a later pass')
  }
}

function once<T>(make: () => Promise<T>): () => Promise<T> {
  let made: Promise<T> | undefined
  return () => {
    made ??= make()
    return made
  }
}
