/**
 * The analysis hop: an order comes from SQS, its answer goes to the results queue, and only then is the order deleted.
 *
 *   row terminal, or of another attempt → published again, acknowledged; when it comes to that during the analysis,
 *     as read at the progress marks, the analysis is stopped
 *   analysed, or not analysable (a final error) → an answer is sent, acknowledged
 *   anything else (a store away, a crash) → thrown: SQS brings the order back; where only an outage is to blame it is
 *     sent anew before its receives are used up (renew-order.ts)
 */
import { TOPOLOGY } from '../../infra/topology.ts'
import { AppError, isFinal, toAppError } from '../domain/errors.ts'
import { isTerminal, type Job } from '../domain/job.ts'
import { type AnalysisRequest, parseAnalysisRequest } from '../domain/messages.ts'
import { toProgressEvent } from '../domain/progress-event.ts'
import type { TimelineEntry } from '../domain/timeline.ts'
import type { Ports, ReceivedMessage } from '../ports.ts'
import { analyseOrder, createTeller, toAnswer, toFailedAnswer } from './analyse-order.ts'
import { createJobWatch } from './job-watch.ts'
import { publishEvents, publishJobs } from './publish-job.ts'
import { renewOrder } from './renew-order.ts'

type AnalysePorts = Pick<
  Ports,
  'jobs' | 'objects' | 'analysisQueue' | 'resultQueue' | 'progress' | 'timeline' | 'analyser' | 'metrics' | 'log'
>

/** With the status before them no more than five a second. */
const PROGRESS_INTERVAL_MS = 250

export interface AnalyseOptions {
  /** The row of a job under way is read at most this often; default 1 s. */
  readonly checkIntervalMs?: number
  /** Beginnings of `s3://` URLs in our bucket that orders may name reference files from; default none. */
  readonly allowedPrefixes?: readonly string[]
  /** Receives after which the orders' queue gives one up; default the topology's. */
  readonly maxReceiveCount?: number
}

export async function analyseRecording(
  ports: AnalysePorts,
  message: ReceivedMessage,
  options: AnalyseOptions = {},
): Promise<void> {
  const request = parseAnalysisRequest(message.body)
  const { messageId, receiveCount } = message
  const order = { jobId: request.job_id, attempt: request.attempt, messageId, receiveCount }
  const note: Note = (outcome, detail) => ports.timeline.note({ ...order, hop: 'analyse', outcome, detail })
  try {
    await attend(ports, request, message.signal, { ...options, note })
  } catch (error) {
    const { maxReceiveCount = TOPOLOGY.analysisQueue.maxReceiveCount } = options
    const isRenewed = await renewOrder(ports, message, { error, groupId: request.owner, maxReceiveCount })
    note(isRenewed ? 'renewed' : 'failed', toAppError(error).code)
    if (!isRenewed) throw error
  }
}

type Note = (outcome: Extract<TimelineEntry, { hop: 'analyse' }>['outcome'], detail?: string) => void

async function attend(
  ports: AnalysePorts,
  request: AnalysisRequest,
  released: AbortSignal,
  { checkIntervalMs = 1000, allowedPrefixes = [], note }: AnalyseOptions & { readonly note: Note },
): Promise<void> {
  const job = await begin(ports, request, note)
  if (job === undefined) return
  const startedAt = performance.now()
  const watch = createJobWatch(ports, job, checkIntervalMs)
  const signal = AbortSignal.any([released, watch.signal])
  const show = createProgress(ports, job)
  const onProgress = (share: number, text: string): void => {
    watch.look()
    show(share, text)
  }
  const answer = await analyseOrder(ports, request, job, { signal, onProgress, allowedPrefixes }).then(
    (outcome) => {
      if (watch.signal.aborted) return undefined
      note('analysed')
      return toAnswer(ports, job, outcome, signal)
    },
    (error: unknown) => {
      if (watch.signal.aborted) return undefined
      if (!isFinal(error)) throw error
      ports.log.info({ jobId: job.jobId, attempt: job.attempt, err: error }, 'recording not analysable')
      note('not-analysable', toAppError(error).code)
      return toFailedAnswer(job, error)
    },
  )
  if (answer === undefined) {
    ports.metrics.count('analyses', { outcome: 'stopped' })
    note('stopped')
    return ports.log.info({ jobId: job.jobId, attempt: job.attempt }, 'analysis stopped')
  }
  await sendAnswer(ports, job, answer)
  ports.metrics.observe('analysis', (performance.now() - startedAt) / 1000)
}

/** Moves the row to `analysing`; undefined when there is nothing to analyse any more. */
async function begin(ports: AnalysePorts, request: AnalysisRequest, note: Note): Promise<Job | undefined> {
  const { job_id: jobId, attempt } = request
  const [advanced] = await ports.jobs.advance([{ jobId, attempt, to: 'analysing' }])
  const job = advanced?.job
  if (job === undefined) throw new AppError('job-not-found', `There is no job ${jobId}`)
  const isDue = job.attempt === attempt && !isTerminal(job.status)
  note(isDue ? 'received' : 'repeat')
  await publishJobs(ports, [job])
  // A redelivered order finds its own row already in `analysing` and is analysed again: whoever had it may be gone.
  if (isDue) return job
  ports.metrics.count('analyses', { outcome: 'repeat' })
  return undefined
}

async function sendAnswer({ resultQueue, timeline }: AnalysePorts, job: Job, body: string): Promise<void> {
  const { jobId, attempt, owner: groupId } = job
  const beganAtMs = performance.now()
  let messageId: string | undefined
  const onSent = (id: string): void => {
    messageId = id
  }
  const [failure] = await resultQueue.send([{ body, groupId, onSent }])
  if (failure !== undefined) throw failure
  timeline.note({ jobId, attempt, hop: 'answer', outcome: 'sent', messageId, beganAtMs })
}

/** Publishes now and then. */
function createProgress(ports: AnalysePorts, job: Job): (share: number, message: string) => void {
  return createTeller(PROGRESS_INTERVAL_MS, (progress, message) => {
    void publishEvents(ports, [toProgressEvent(job, { progress, message, at: new Date() })])
  })
}
