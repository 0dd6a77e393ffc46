/**
 * The work of an analyser, whoever has the order and wherever its answer goes: read what the order names, analyse it, and
 * say what came of it in the shapes of the queues. It knows no row.
 */
import { Readable } from 'node:stream'
import { AppError, toAppError } from '../domain/errors.ts'
import { createUuidV7 } from '../domain/ids.ts'
import { analysisProgress, type Job } from '../domain/job.ts'
import { type AnalysisRequest, formatCompletedAnswer, MAX_MESSAGE_BYTES } from '../domain/messages.ts'
import { recordingPrefix, resultPrefix } from '../domain/object-keys.ts'
import type { AnalysisOutcome, Ports } from '../ports.ts'
import { keepComputedPitch, readReference } from './read-reference.ts'
import { createThrottle } from './throttle.ts'

export type OrderPorts = Pick<Ports, 'objects' | 'analyser' | 'metrics' | 'log'>
/** What is known of a job from its order, and from its row where there is one. */
export type OrderedJob = Pick<Job, 'jobId' | 'attempt' | 'owner' | 'tokenId' | 'reference'>

export interface OrderOptions {
  readonly signal: AbortSignal
  /** Called from time to time, 0–1. */
  readonly onProgress: (share: number, message: string) => void
  /** Beginnings of `s3://` URLs in our bucket that orders may name reference files from. */
  readonly allowedPrefixes: readonly string[]
}

/** What the object store is given in one request. */
const MAX_WHOLE_BYTES = 5 * 1024 * 1024

/** Throws final errors for what cannot be analysed, and others for what may pass. */
export async function analyseOrder(
  ports: OrderPorts,
  request: AnalysisRequest,
  job: OrderedJob,
  { signal, onProgress, allowedPrefixes }: OrderOptions,
): Promise<AnalysisOutcome> {
  const key = ports.objects.keyOf(request.s3_audio_url)
  if (!key?.startsWith(recordingPrefix(job.owner))) {
    throw new AppError('message-invalid', 'The recording does not lie in its owner’s part of the bucket')
  }
  const { mode } = ports.analyser
  const reference = await readReference(ports, request, job, { mode, allowedPrefixes, signal })
  const recording = await ports.objects.get(key, signal).catch((error: unknown) => {
    reference?.audio?.destroy()
    throw error
  })
  const { jobId, tokenId } = job
  const outcome = await ports.analyser.analyse({ jobId, tokenId, recording, reference, signal, onProgress })
  noteReferenceFault(ports, job, outcome)
  await keepComputedPitch(ports, job, mode, outcome)
  return outcome
}

/** Tells a job's progress (65–95) now and then; of a phase that begins and ends in between nobody hears. */
export function createTeller(
  intervalMs: number,
  tell: (progress: number, message: string) => void,
): (share: number, message: string) => void {
  const throttle = createThrottle(intervalMs)
  return (share, message) => throttle(() => tell(analysisProgress(65 + 30 * share), message))
}

function noteReferenceFault(ports: OrderPorts, job: OrderedJob, { referenceFault }: AnalysisOutcome): void {
  if (referenceFault === undefined) return
  const { jobId, attempt, owner, tokenId } = job
  ports.metrics.count('reference_faults', { code: referenceFault.code })
  ports.log.warn({ jobId, attempt, owner, tokenId, ...referenceFault }, 'reference unusable')
}

/** A small result travels in the message; a large one as an object beside it. Both writes may be repeated. */
export async function toAnswer(
  ports: Pick<Ports, 'objects' | 'metrics'>,
  job: OrderedJob,
  { durationS, result }: AnalysisOutcome,
  signal: AbortSignal,
): Promise<string> {
  ports.metrics.count('analyses', { outcome: 'completed' })
  const answer = formatCompletedAnswer({ jobId: job.jobId, attempt: job.attempt, durationS }, result)
  if (Buffer.byteLength(answer) <= MAX_MESSAGE_BYTES) return answer
  const key = await storeResult(ports, job, Buffer.from(result), signal)
  return JSON.stringify({
    version: 1,
    type: 'completed',
    job_id: job.jobId,
    attempt: job.attempt,
    duration_s: durationS,
    result_s3_url: ports.objects.urlOf(key),
  })
}

/** In parts where it is too long for one request; under a name of its own then, since a broken `put` clears it away. */
async function storeResult(
  ports: Pick<Ports, 'objects'>,
  job: OrderedJob,
  bytes: Buffer,
  signal: AbortSignal,
): Promise<string> {
  const prefix = resultPrefix(job.owner, job.jobId)
  const contentType = 'application/json'
  if (bytes.length <= MAX_WHOLE_BYTES) {
    const key = `${prefix}${job.attempt}.json`
    await ports.objects.putBytes(key, bytes, contentType)
    return key
  }
  const key = `${prefix}${job.attempt}-${createUuidV7(Date.now())}.json`
  const size = { bytes: bytes.length, exact: true }
  await ports.objects.put(key, Readable.from([bytes], { objectMode: false }), { contentType, signal, size })
  return key
}

/** `retryable` defaults to what the error says of itself. */
export function toFailedAnswer({ jobId, attempt }: OrderedJob, error: unknown, mayRetry?: boolean): string {
  const { code, detail, retryable } = toAppError(error)
  return JSON.stringify({
    version: 1,
    type: 'failed',
    job_id: jobId,
    attempt,
    error: { code, detail, retryable: mayRetry ?? retryable },
  })
}
