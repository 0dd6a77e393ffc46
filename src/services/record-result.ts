/** The last hop: an answer of an analysis server becomes the row's result or its error. Any repeat is acknowledged. */
import { AppError, toAppError } from '../domain/errors.ts'
import { analysisProgress, isTerminal, type Job } from '../domain/job.ts'
import { type AnalysisAnswer, type CompletedAnswer, parseAnalysisAnswer } from '../domain/messages.ts'
import { resultPrefix } from '../domain/object-keys.ts'
import { toProgressEvent } from '../domain/progress-event.ts'
import type { Ports, ReceivedMessage, StatusChange, StoredResult } from '../ports.ts'
import { publishEvents, publishJobs } from './publish-job.ts'
import { createKeyedThrottle, type KeyedThrottle } from './throttle.ts'

type Ending = Exclude<AnalysisAnswer, { type: 'progress' }>
export type RecordPorts = Pick<Ports, 'jobs' | 'objects' | 'progress' | 'timeline' | 'metrics' | 'log'>
/** A letter that is applied once more has no receives. */
type Message = Partial<Pick<ReceivedMessage, 'messageId' | 'receiveCount'>>
type Received = Pick<ReceivedMessage, 'body'> & Message

/** As of our own analyser: with the first word no more than five a second. */
const PROGRESS_INTERVAL_MS = 250

/** Of somebody else's analyser, which may say more than anybody reads: one for all that a process records. */
export function createProgressThrottle(now?: () => number): KeyedThrottle {
  return createKeyedThrottle(PROGRESS_INTERVAL_MS, now)
}

const always: KeyedThrottle = () => true

/**
 * Records one answer from the results queue; throws `message-invalid` or `job-not-found` for poison.
 *
 * @param mayTell by job, whether a percentage is told that moves nothing; the others are acknowledged and dropped
 */
export async function recordResult(ports: RecordPorts, message: Received, mayTell = always): Promise<void> {
  await recordAnswer(ports, parseAnalysisAnswer(message.body), message, mayTell)
}

/** What became of an answer. */
export interface Recorded {
  /** The row as it is then. */
  readonly job: Job
  readonly outcome: AnalysisAnswer['type'] | 'repeat' | 'late'
}

/** The same for an answer that is read already, wherever it came from. */
export async function recordAnswer(
  ports: RecordPorts,
  answer: AnalysisAnswer,
  message: Message = {},
  mayTell = always,
): Promise<Recorded> {
  try {
    if (answer.type === 'progress') return await recordProgress(ports, answer, message, mayTell)
    return await record(ports, answer, message)
  } catch (error) {
    ports.timeline.note({ ...hopOf(answer, message), hop: 'record', outcome: 'error', detail: toAppError(error).code })
    throw error
  }
}

async function record(ports: RecordPorts, answer: Ending, message: Message): Promise<Recorded> {
  const [advanced] = await ports.jobs.advance([await toChange(ports, answer)])
  const job = advanced?.job
  if (job === undefined) throw unknownJob(answer)
  const outcome = note(ports, answer, job, { moved: advanced?.moved ?? false, message })
  await publishJobs(ports, [job])
  return { job, outcome }
}

function hopOf({ job_id: jobId, attempt }: AnalysisAnswer, { messageId, receiveCount }: Message) {
  return { jobId, attempt, messageId, receiveCount }
}

/** What became of an answer: recorded, known already, or too late for a job that ended otherwise or began anew. */
function note(
  ports: RecordPorts,
  answer: Ending,
  job: Job,
  how: { moved: boolean; message: Message },
): Recorded['outcome'] {
  const { moved, message } = how
  const { jobId, attempt, status } = job
  const isRepeat = attempt === answer.attempt && status === answer.type
  const outcome = moved ? answer.type : isRepeat ? 'repeat' : 'late'
  ports.metrics.count('results', { outcome })
  const detail = answer.type === 'failed' ? answer.error.code : undefined
  ports.timeline.note({ ...hopOf(answer, message), hop: 'record', outcome, detail })
  const fields = { jobId, attempt, status }
  if (moved) ports.log.info(fields, 'result recorded')
  else if (!isRepeat) ports.log.info({ ...fields, late: answer.type, of: answer.attempt }, 'result came too late')
  return outcome
}

async function recordProgress(
  ports: RecordPorts,
  answer: Extract<AnalysisAnswer, { type: 'progress' }>,
  message: Message,
  mayTell: KeyedThrottle,
): Promise<Recorded> {
  const { job_id: jobId, attempt } = answer
  const [advanced] = await ports.jobs.advance([{ jobId, attempt, to: 'analysing' }])
  const job = advanced?.job
  if (job === undefined) throw unknownJob(answer)
  // Somebody else's analyser, which notes nothing: its first word tells that it has the order.
  if (advanced?.moved) ports.timeline.note({ ...hopOf(answer, message), hop: 'analyse', outcome: 'received' })
  const isOver = job.attempt !== attempt || isTerminal(job.status)
  const recorded: Recorded = { job, outcome: isOver ? 'late' : 'progress' }
  if (isOver) {
    await publishJobs(ports, [job])
    return recorded
  }
  // What moved the row is a status, and begins an interval as well.
  if (!mayTell(jobId) && !advanced?.moved) return recorded
  const now = { progress: analysisProgress(answer.progress), at: new Date() }
  const event = toProgressEvent(job, answer.message === undefined ? now : { ...now, message: answer.message })
  await publishEvents(ports, [event])
  return recorded
}

async function toChange(ports: RecordPorts, answer: Ending): Promise<StatusChange> {
  const ref = { jobId: answer.job_id, attempt: answer.attempt }
  if (answer.type === 'failed') {
    const { code, detail = 'The analysis server gave no reason', retryable = false } = answer.error
    return { ...ref, to: 'failed', error: { code, detail, retryable } }
  }
  const durationS = answer.duration_s ?? numberOr(answer.result?.duration_s)
  const result = await toStoredResult(ports, answer)
  return { ...ref, to: 'completed', result, ...(durationS === undefined ? {} : { durationS }) }
}

/**
 * A result elsewhere than under its own job's prefix is poison: it could show one owner another's data. So is one that is
 * not there, unless nothing waits for it any more: a repeat may come when retention has taken it.
 */
async function toStoredResult(ports: RecordPorts, answer: CompletedAnswer): Promise<StoredResult> {
  if (answer.result_s3_url === undefined) return { json: JSON.stringify(answer.result) }
  const job = await ports.jobs.find(answer.job_id)
  if (job === undefined) throw unknownJob(answer)
  const objectKey = ports.objects.keyOf(answer.result_s3_url)
  if (!objectKey?.startsWith(resultPrefix(job.owner, job.jobId))) {
    throw new AppError('message-invalid', 'result_s3_url lies outside the job’s own place')
  }
  const isAwaited = job.attempt === answer.attempt && !isTerminal(job.status)
  if (isAwaited && (await ports.objects.head(objectKey)) === undefined) {
    throw new AppError('message-invalid', 'There is no object at result_s3_url')
  }
  return { objectKey }
}

function unknownJob(answer: AnalysisAnswer): AppError {
  return new AppError('job-not-found', `There is no job ${answer.job_id}`)
}

function numberOr(value: unknown): number | undefined {
  return typeof value === 'number' && Number.isFinite(value) && value >= 0 ? value : undefined
}
