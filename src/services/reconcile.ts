/**
 * Invariants 1 and 11: the rows say what has to be done, and waiting is not stalling. One pass looks at the rows that
 * nothing has touched for long; claims are made in the database, so passes may run on many instances at once. Rows of the
 * direct route, but for uploads and the age limit, are reconcile-direct.ts's.
 *
 *   uploading, past its deadline            → failed, object and parts deleted
 *   stored, queued, untouched               → added to the queue again (a no-op while it waits or runs there); not
 *                                             looked at while Redis is away, so that none has to wait when it is back
 *   forwarded, analysing, untouched         → sent again, only when both SQS queues hold nothing visible or in flight,
 *                                             or when the queue has kept the order for as long as it keeps any
 *   any of them, older than the age limit   → failed
 */
import { TOPOLOGY } from '../../infra/topology.ts'
import { AppError, toAppError } from '../domain/errors.ts'
import type { Job, UnfinishedStatus } from '../domain/job.ts'
import type { TimelineEntry } from '../domain/timeline.ts'
import type { Ports, StalledJob } from '../ports.ts'
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
  | 'analysisServer'
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
  /** How long the analysis queue keeps an order; default the topology's. */
  readonly retentionS?: number
  /** Stops the pass: what was handed out is seen to, and nothing more is. */
  readonly signal?: AbortSignal
}

const CLAIM_LIMIT = 200
/** A row is handed out at least once in this time, unless its own wait is longer. */
const LONGEST_LOOK_S = 900

/**
 * One pass, over all that has stalled. What fails for one row is logged and left for a later pass; only the database
 * being away throws. The object of an upload that is ended while the store is away falls to the sweep.
 */
export async function reconcile(ports: ReconcilePorts, rules: ReconcileRules): Promise<void> {
  const { waitingS, inFlightS, signal } = rules
  for (const job of await ports.jobs.findOlderThan(rules.maxAgeS, CLAIM_LIMIT)) {
    if (signal?.aborted) return
    await attend(ports, job, () => giveUp(ports, job))
  }
  const queuesAreEmpty = once(() => areQueuesEmpty(ports))
  const isOrderLost = async (job: StalledJob) => hasOutlived(job, rules) || (await queuesAreEmpty())
  const queueIsAway = !(await isRedisUp(ports))
  for (let more = true; more && !signal?.aborted; ) {
    const stalled = await ports.jobs.claimStalled({ waitingS, inFlightS, queueIsAway, limit: CLAIM_LIMIT })
    await Promise.all(stalled.map((job) => attend(ports, job, () => resume(ports, job, () => isOrderLost(job)))))
    more = stalled.length === CLAIM_LIMIT
  }
}

async function resume(ports: ReconcilePorts, job: Job, isOrderLost: () => Promise<boolean>): Promise<void> {
  switch (job.status) {
    case 'uploading':
      return endUpload(ports, job)
    case 'stored':
    case 'queued':
      note(ports, job, 'added-again')
      return void (await dispatchJob(ports, job))
    case 'forwarded':
    case 'analysing':
      if (!(await isOrderLost())) return
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

/**
 * True when SQS has deleted the order by now, whatever else the queue holds: it counts from the send, the row from when it
 * moved after that. Once in each such time, so that a long backlog does not grow by every look: a row is looked at
 * at least once, and hardly ever more than twice, in what counts as the beginning of one.
 */
function hasOutlived({ inStatusS }: StalledJob, { inFlightS, retentionS }: ReconcileRules): boolean {
  const keptS = retentionS ?? TOPOLOGY.analysisQueue.retentionS
  return inStatusS >= keptS && inStatusS % keptS < 2 * Math.max(LONGEST_LOOK_S, inFlightS)
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
