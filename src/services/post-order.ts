/**
 * The one hop of the direct route: the order goes to the analysis server itself. Invariant 2: posted first, then the row
 * moves, past `queued`; a crash between the two posts it again, and the server's answers to both mean the same.
 *
 *   accepted                 → `forwarded`
 *   refused                  → `failed`: it is about this recording, or about orders as we send them, and then a further
 *                              attempt helps once that is mended
 *   unavailable, no place    → stays `stored` (invariant 10: an outage is not a failure); the reconciler posts it later
 *   cancelled, ended, moved  → not posted
 */
import { AppError, toAppError } from '../domain/errors.ts'
import type { Job } from '../domain/job.ts'
import type { DirectAnswer } from '../ports/cutover.ts'
import type { Ports } from '../ports.ts'
import { toAnalysisOrder } from './analysis-order.ts'
import { publishJobs } from './publish-job.ts'

export type PostPorts = Pick<Ports, 'jobs' | 'objects' | 'analysisServer' | 'progress' | 'timeline' | 'metrics' | 'log'>

/** How a post ended; `moved` when there was nothing to post any more. */
export type Posted = DirectAnswer['kind'] | 'moved'

/**
 * Hands a stored job of the direct route over and returns at once: nobody waits for the analysis server. What has to
 * wait, for its time or for a place, is left to the reconciler.
 */
export function beginPost(ports: PostPorts, job: Job): void {
  // By the database's clock, as it is handed out: that of a process may be ahead.
  if (job.notBefore !== null && job.notBefore > job.updatedAt) return
  const begun = ports.analysisServer.begin(async (signal) => {
    try {
      await postOrder(ports, job, signal)
    } catch (error) {
      // The row is as it was, and the reconciler comes by.
      ports.metrics.count('direct_calls', { outcome: 'broken-off' })
      ports.log.warn({ jobId: job.jobId, code: toAppError(error).code, err: error }, 'job left for the reconciler')
    }
  })
  if (!begun) defer(ports, job)
}

/**
 * Posts the order of a job that is still `stored` in its attempt.
 *
 * @throws AppError `database-unavailable`, and the signal's reason; nothing is recorded then
 */
export async function postOrder(ports: PostPorts, known: Job, signal: AbortSignal): Promise<Posted> {
  const job = await ports.jobs.find(known.jobId)
  if (job === undefined || job.attempt !== known.attempt || job.status !== 'stored') return 'moved'
  const beganAtMs = performance.now()
  const answer = await submit(ports, job, signal)
  if (answer.kind === 'full') {
    defer(ports, job)
    return answer.kind
  }
  ports.metrics.count('direct_calls', { outcome: answer.kind })
  const { jobId, attempt } = job
  const outcome = answer.kind === 'accepted' ? 'sent' : answer.kind
  const detail = answer.kind === 'accepted' ? `HTTP ${answer.status}` : answer.detail
  ports.timeline.note({ jobId, attempt, hop: 'direct', outcome, detail, beganAtMs })
  if (answer.kind === 'unavailable') {
    ports.log.warn({ jobId, attempt, status: answer.status, reason: answer.detail }, 'analysis server unavailable')
  } else {
    await record(ports, job, answer)
  }
  return answer.kind
}

async function submit(ports: PostPorts, job: Job, signal: AbortSignal): Promise<DirectAnswer> {
  const callbackUrl = ports.analysisServer.callbackUrlOf(job.jobId, job.attempt)
  if (callbackUrl === null) return { kind: 'unavailable', status: null, detail: 'WEBHOOK_URL is not known' }
  return ports.analysisServer.submit(toAnalysisOrder(ports, job, callbackUrl), signal)
}

async function record(
  ports: PostPorts,
  { jobId, attempt }: Job,
  answer: Extract<DirectAnswer, { kind: 'accepted' | 'refused' }>,
): Promise<void> {
  const change = { jobId, attempt } as const
  const [advanced] = await ports.jobs.advance([
    answer.kind === 'accepted'
      ? { ...change, to: 'forwarded' }
      : // An earlier post may have been taken, and its answer have come meanwhile: that counts.
        { ...change, from: 'stored', to: 'failed', error: toError(answer) },
  ])
  if (answer.kind === 'refused') ports.log.warn({ jobId, attempt, status: answer.status }, 'order refused')
  await publishJobs(ports, advanced?.job === undefined ? [] : [advanced.job])
}

/** What says that an order cannot be read says nothing of the recording for sure. */
const UNREADABLE = new Set([400, 422])

function toError({ status }: { readonly status: number }) {
  const detail = `The analysis server will not take this recording: it answered ${status}`
  const { code } = new AppError('analysis-server-refused', detail)
  return { code, detail, retryable: UNREADABLE.has(status) }
}

function defer({ timeline, metrics, log }: PostPorts, { jobId, attempt }: Job): void {
  metrics.count('direct_calls', { outcome: 'full' })
  timeline.note({ jobId, attempt, hop: 'direct', outcome: 'deferred' })
  log.debug({ jobId, attempt }, 'job left for the reconciler')
}
