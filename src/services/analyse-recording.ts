/**
 * The analysis hop: an order comes from SQS, its answer goes to the results queue, and only then is the order deleted.
 *
 *   row terminal, or of another attempt → published again, acknowledged
 *   analysed, or not analysable (a final error) → an answer is sent, acknowledged
 *   anything else (a store away, a crash) → thrown: SQS brings the order back
 */
import { AppError, isFinal, toAppError } from '../domain/errors.ts'
import { analysisProgress, isTerminal, type Job } from '../domain/job.ts'
import {
  type AnalysisRequest,
  formatCompletedAnswer,
  MAX_MESSAGE_BYTES,
  parseAnalysisRequest,
} from '../domain/messages.ts'
import { recordingPrefix, resultPrefix } from '../domain/object-keys.ts'
import { toProgressEvent } from '../domain/progress-event.ts'
import type { AnalysisOutcome, Ports, ReceivedMessage } from '../ports.ts'
import { publishEvents, publishJobs } from './publish-job.ts'
import { keepComputedPitch, readReference } from './read-reference.ts'
import { createThrottle } from './throttle.ts'

type AnalysePorts = Pick<Ports, 'jobs' | 'objects' | 'resultQueue' | 'progress' | 'analyser' | 'metrics' | 'log'>

const PROGRESS_INTERVAL_MS = 200

export async function analyseRecording(ports: AnalysePorts, message: ReceivedMessage): Promise<void> {
  const request = parseAnalysisRequest(message.body)
  const job = await begin(ports, request)
  if (job === undefined) return
  const startedAt = performance.now()
  const answer = await analyse(ports, request, job, message.signal).then(
    (outcome) => toAnswer(ports, job, outcome),
    (error: unknown) => {
      if (!isFinal(error)) throw error
      ports.log.info({ jobId: job.jobId, attempt: job.attempt, err: error }, 'recording not analysable')
      return toFailedAnswer(job, error)
    },
  )
  const [failure] = await ports.resultQueue.send([{ body: answer, groupId: job.owner }])
  if (failure !== undefined) throw failure
  ports.metrics.observe('analysis', (performance.now() - startedAt) / 1000)
}

/** Moves the row to `analysing`; undefined when there is nothing to analyse any more. */
async function begin(ports: AnalysePorts, request: AnalysisRequest): Promise<Job | undefined> {
  const { job_id: jobId, attempt } = request
  const [advanced] = await ports.jobs.advance([{ jobId, attempt, to: 'analysing' }])
  const job = advanced?.job
  if (job === undefined) throw new AppError('job-not-found', `There is no job ${jobId}`)
  await publishJobs(ports, [job])
  // A redelivered order finds its own row already in `analysing` and is analysed again: whoever had it may be gone.
  if (job.attempt === attempt && !isTerminal(job.status)) return job
  ports.metrics.count('analyses', { outcome: 'repeat' })
  return undefined
}

async function analyse(
  ports: AnalysePorts,
  request: AnalysisRequest,
  job: Job,
  signal: AbortSignal,
): Promise<AnalysisOutcome> {
  const key = ports.objects.keyOf(request.s3_audio_url)
  if (!key?.startsWith(recordingPrefix(job.owner))) {
    throw new AppError('message-invalid', 'The recording does not lie in its owner’s part of the bucket')
  }
  const reference = await readReference(ports, request, job, signal)
  const recording = await ports.objects.get(key, signal)
  const throttle = createThrottle(PROGRESS_INTERVAL_MS)
  const { jobId, tokenId } = job
  const outcome = await ports.analyser.analyse({
    jobId,
    tokenId,
    recording,
    reference,
    signal,
    onProgress: (share, text) => {
      const progress = analysisProgress(65 + 30 * share)
      const event = toProgressEvent(job, { progress, message: text, at: new Date() })
      throttle(() => publishEvents(ports, [event]))
    },
  })
  await keepComputedPitch(ports, job, outcome)
  return outcome
}

/** A small result travels in the message; a large one as an object beside it. Both writes may be repeated. */
async function toAnswer(ports: AnalysePorts, job: Job, { durationS, result }: AnalysisOutcome): Promise<string> {
  ports.metrics.count('analyses', { outcome: 'completed' })
  const answer = formatCompletedAnswer({ jobId: job.jobId, attempt: job.attempt, durationS }, result)
  if (Buffer.byteLength(answer) <= MAX_MESSAGE_BYTES) return answer
  const key = `${resultPrefix(job.owner, job.jobId)}${job.attempt}.json`
  await ports.objects.putBytes(key, Buffer.from(result), 'application/json')
  return JSON.stringify({
    version: 1,
    type: 'completed',
    job_id: job.jobId,
    attempt: job.attempt,
    duration_s: durationS,
    result_s3_url: ports.objects.urlOf(key),
  })
}

function toFailedAnswer(job: Job, error: unknown): string {
  const { code, detail } = toAppError(error)
  return JSON.stringify({
    version: 1,
    type: 'failed',
    job_id: job.jobId,
    attempt: job.attempt,
    error: { code, detail, retryable: false },
  })
}
