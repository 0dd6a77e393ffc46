/**
 * The reconciler's part for the direct route (invariant 11), apart from the queue's: Redis and SQS have no say in it, and a
 * server that hangs must hold up nobody else's rows.
 *
 *   stored, untouched for longer than a post takes → posted again; one row tries the way first, and while the server
 *                                                    is away no other is touched, so that none has to wait when it is back
 *   stored, held back until its `not_before`       → posted then
 *   forwarded, analysing, no answer in time        → failed, may be retried; never sent to SQS
 */
import { AppError, toAppError } from '../domain/errors.ts'
import type { Job, UnfinishedStatus } from '../domain/job.ts'
import { type PostPorts, postOrder } from './post-order.ts'
import { publishJobs } from './publish-job.ts'

export interface DirectRules {
  /** Longer than a post may take, its retry included. */
  readonly waitingS: number
  /** How long an answer is waited for. */
  readonly answerS: number
  /** Stops the pass: what was handed out is seen to, and nothing more is. */
  readonly signal: AbortSignal
  /** Breaks off what is under way. */
  readonly release: AbortSignal
}

const CLAIM_LIMIT = 200
/** Those without an address, while jobs wait. */
const warnedOf = new WeakSet<PostPorts['analysisServer']>()

/** One pass. What fails for one row is logged and left for a later pass; only the database being away throws. */
export async function reconcileDirect(ports: PostPorts, rules: DirectRules): Promise<void> {
  const { isConfigured, freePlaces } = ports.analysisServer
  const { waitingS, answerS: inFlightS, signal } = rules
  const claim = (limit: number, queueIsAway: boolean) =>
    ports.jobs.claimStalled({ route: 'direct', waitingS, inFlightS, queueIsAway, limit })
  for (let more = true; more && !signal.aborted; ) {
    const silent = await claim(CLAIM_LIMIT, true)
    await Promise.all(silent.map((job) => attend(ports, job, rules)))
    more = silent.length === CLAIM_LIMIT
  }
  if (!isConfigured) return warnOnce(ports, () => claim(1, false))
  // A row that is handed out while no place is free would wait for its next turn for nothing.
  for (let limit = Math.min(1, freePlaces()); limit > 0 && !signal.aborted; limit = freePlaces()) {
    const waiting = await claim(limit, false)
    const outcomes = await Promise.all(waiting.map((job) => attend(ports, job, rules)))
    if (waiting.length < limit || !outcomes.includes('seen-to')) return
  }
}

/** Nothing posts these rows any more, and nobody else would say so. */
async function warnOnce({ analysisServer, log }: PostPorts, claim: () => Promise<readonly Job[]>): Promise<void> {
  if (warnedOf.has(analysisServer)) return
  const [waiting] = await claim()
  if (waiting === undefined) return
  warnedOf.add(analysisServer)
  const { jobId } = waiting
  log.warn({ jobId }, 'jobs wait for the direct route, and there is none: set ANALYSIS_SERVER_URL and WEBHOOK_URL')
}

/** `away` tells that nothing else can be posted either. */
async function attend(ports: PostPorts, job: Job, { answerS, release }: DirectRules): Promise<'seen-to' | 'away'> {
  const { jobId, attempt, status } = job
  try {
    if (status !== 'stored') {
      await endSilent(ports, job, answerS)
      return 'seen-to'
    }
    ports.timeline.note({ jobId, attempt, hop: 'reconcile', outcome: 'added-again' })
    const posted = await postOrder(ports, job, release)
    return posted === 'unavailable' || posted === 'full' ? 'away' : 'seen-to'
  } catch (error) {
    if (toAppError(error).code === 'database-unavailable') throw error
    ports.metrics.count('reconciled', { action: 'error' })
    ports.log.warn({ jobId, status, err: error }, 'job left for a later pass')
    return 'away'
  }
}

async function endSilent(ports: PostPorts, job: Job, answerS: number): Promise<void> {
  const { jobId, attempt } = job
  const detail = `The analysis server took the order and sent no result within ${answerS} s`
  const { code, retry } = new AppError('analysis-server-silent', detail)
  const error = { code, detail, retryable: retry === 'later' }
  // One that went on meanwhile is left alone.
  const [ended] = await ports.jobs.advance([
    { jobId, attempt, from: job.status as UnfinishedStatus, to: 'failed', error },
  ])
  if (ended?.moved) {
    ports.log.warn({ jobId, attempt, code }, 'job ended by the reconciler')
    ports.metrics.count('reconciled', { action: code })
    ports.timeline.note({ jobId, attempt, hop: 'reconcile', outcome: 'ended', detail: code })
  }
  await publishJobs(ports, ended?.job === undefined ? [] : [ended.job])
}
