/**
 * A recording comes in: its bytes go to the object store while they are hashed and counted, never held whole.
 *
 *   nothing read, or not audio by its first bytes → refused before there is a row
 *   idempotency key of a job that is there        → read and hashed, not stored: the same job, or a refusal
 *   row `uploading` → streaming → row `stored`
 *   broken off, too large, too long, too slow, cancelled, store away → no object, row `failed` with its code
 *   row cannot be moved (database away)           → row stays `uploading`; at its deadline the reconciler ends it and
 *                                                   deletes the object
 */
import { addAbortSignal, type Readable } from 'node:stream'
import { AppError, toAppError } from '../domain/errors.ts'
import { createUuidV7 } from '../domain/ids.ts'
import { endedUnstored, type Job, type Priority } from '../domain/job.ts'
import { recordingKey } from '../domain/object-keys.ts'
import type { ObjectSize } from '../ports/object-store.ts'
import type { SniffedAudio } from '../ports/sniff.ts'
import type { Ports } from '../ports.ts'
import { type Announcement, announceLater, createProgressReporter } from './announce-upload.ts'
import { createRoutedJob } from './create-routed-job.ts'
import { currentCursor } from './current-cursor.ts'
import type { Pace } from './pace.ts'
import { type IncomingRecording, openRecording, tooLarge } from './read-recording.ts'
import { replayUpload } from './replay-upload.ts'

type UploadPorts = Pick<
  Ports,
  'jobs' | 'router' | 'objects' | 'progress' | 'timeline' | 'sniff' | 'inspectHead' | 'metrics' | 'log'
>

export interface Upload {
  readonly owner: string
  readonly tokenId: string | null
  readonly filename: string | null
  readonly priority: Priority
  readonly metadata: Readonly<Record<string, unknown>>
  readonly callbackUrl: string | null
  readonly notBefore: Date | null
  readonly traceparent: string | null
  readonly idempotencyKey: string | null
  readonly body: Readable
  /** What the client announced, where it did; drives the progress and refuses early. */
  readonly size: ObjectSize | undefined
  readonly pace?: Pace
}

export interface UploadLimits {
  readonly maxUploadBytes: number
  readonly maxDurationS: number
  readonly uploadTimeoutS: number
}

export interface AcceptedUpload {
  readonly job: Job
  /** Where the owner's log was before the job was handed on: whoever follows from here misses nothing. */
  readonly cursor: string | null
  /** The job of an earlier request with this idempotency key. */
  readonly replayed: boolean
}

const ROW_LOOK_INTERVAL_MS = 2_000

/**
 * Stores a recording and its row. `signal` aborts when the client goes or its time is over; once every byte has arrived
 * the job goes on without it.
 *
 * @returns the row, `stored`; or as it is now, of an earlier request with the same idempotency key
 * @throws AppError `upload-empty`, `upload-not-audio`, `upload-too-large`, `recording-too-long`, `upload-aborted`,
 *   `upload-expired`, `upload-too-slow`, `job-cancelled`, `idempotency-conflict`, `idempotency-busy`,
 *   `storage-unavailable`, `database-unavailable`, and `internal` for what nobody foresaw
 */
export async function acceptUpload(
  ports: UploadPorts,
  limits: UploadLimits,
  upload: Upload,
  signal: AbortSignal,
): Promise<AcceptedUpload> {
  const over = new AbortController()
  const ended = AbortSignal.any([signal, over.signal])
  addAbortSignal(ended, upload.body)
  // The stream's own error reaches whoever reads it; between two reads nobody does, and Node would end the process.
  upload.body.on('error', () => {})
  try {
    return await receive(ports, limits, upload, { ended, end: (reason) => over.abort(reason) })
  } catch (error) {
    // One of ours was told apart already; anything else may be a stream that the end of the upload tore down.
    const failure = error instanceof AppError ? error : toUploadError(error, ended)
    ports.metrics.count('uploads', { outcome: failure.code })
    throw failure
  } finally {
    upload.body.destroy()
  }
}

/** How an upload ends before its time: from outside by `ended`, from here by `end`. */
interface Ending {
  readonly ended: AbortSignal
  end(reason: AppError): void
}

async function receive(
  ports: UploadPorts,
  limits: UploadLimits,
  upload: Upload,
  ending: Ending,
): Promise<AcceptedUpload> {
  const { body, size, pace, ...fields } = upload
  if ((size?.bytes ?? 0) > limits.maxUploadBytes && size?.exact) throw tooLarge(limits.maxUploadBytes)
  const recording = await openRecording(ports, body, pace === undefined ? limits : { ...limits, pace })
  const { audio } = recording
  const jobId = createUuidV7(Date.now())
  const job = await createRow(ports, limits, { ...fields, jobId }, audio)
  if (job.jobId !== jobId) {
    const replayed = await replayUpload(ports, job, upload, recording)
    const cursor = await currentCursor(ports, job.owner)
    // As it is by then: whatever became of it while this body came is before the cursor, and would be told nowhere else.
    return { job: (await ports.jobs.find(job.jobId)) ?? replayed, cursor, replayed: true }
  }
  ports.timeline.note({ jobId, attempt: job.attempt, hop: 'upload', outcome: 'received' })
  const announcement = announceLater(ports, job)
  const report = createProgressReporter(ports, job, size?.bytes)
  const unwatch = watchRow(ports, job, ending)
  try {
    const options = { contentType: audio.contentType, signal: ending.ended, ...(size && { size }) }
    await ports.objects.put(job.objectKey, recording.read(report), options)
  } catch (error) {
    throw await endBroken(ports, job, announcement, toUploadError(error, ending.ended))
  } finally {
    unwatch()
  }
  try {
    return { ...(await finish(ports, job, recording, announcement)), replayed: false }
  } finally {
    announcement.cancel()
  }
}

async function createRow(
  ports: UploadPorts,
  limits: UploadLimits,
  fields: Omit<Upload, 'body' | 'size' | 'pace'> & { readonly jobId: string },
  { contentType, extension }: SniffedAudio,
): Promise<Job> {
  const { owner, jobId } = fields
  return createRoutedJob(ports, {
    ...fields,
    contentType,
    objectKey: recordingKey(owner, jobId, extension, new Date()),
    uploadTimeoutS: limits.uploadTimeoutS,
  })
}

/** Looks at the row from time to time: an upload that was cancelled, perhaps by another process, need not go on. */
function watchRow(ports: UploadPorts, { jobId }: Job, { end }: Ending): () => void {
  const look = async (): Promise<void> => {
    const row = await ports.jobs.find(jobId)
    if (row !== undefined && endedUnstored(row)) end(whyEnded(row))
  }
  const timer = setInterval(() => {
    look().catch((error: unknown) => ports.log.debug({ jobId, err: error }, 'row of an upload not looked at'))
  }, ROW_LOOK_INTERVAL_MS)
  return () => clearInterval(timer)
}

async function finish(
  ports: UploadPorts,
  job: Job,
  recording: IncomingRecording,
  announcement: Announcement,
): Promise<Pick<AcceptedUpload, 'job' | 'cursor'>> {
  const { jobId, attempt } = job
  const { durationS, ...totals } = recording.totals()
  const known = durationS === null ? totals : { ...totals, durationS }
  const [advanced] = await ports.jobs.advance([{ jobId, attempt, to: 'stored', ...known }])
  if (advanced?.job !== undefined && !endedUnstored(advanced.job)) {
    ports.metrics.count('uploads', { outcome: 'stored' })
    ports.timeline.note({ jobId, attempt, hop: 'upload', outcome: 'stored', detail: `${totals.sizeBytes} bytes` })
    // Asked together, so that both travel together.
    const published = announcement.publish(advanced.job)
    const cursor = await currentCursor(ports, job.owner)
    await published
    return { job: advanced.job, cursor }
  }
  await ports.objects.delete(job.objectKey)
  throw whyEnded(advanced?.job ?? job)
}

function whyEnded({ jobId, status }: Job): AppError {
  if (status === 'cancelled') return new AppError('job-cancelled', `Job ${jobId} was cancelled`)
  return new AppError('upload-expired', 'The upload passed its deadline before it ended. Send it again.')
}

/**
 * Ends the row of a broken upload, and answers with what the client is told: the row knows better, where it ended before.
 * When even that fails the row's deadline ends it.
 */
async function endBroken(ports: UploadPorts, job: Job, announcement: Announcement, error: AppError): Promise<AppError> {
  const { jobId, attempt } = job
  try {
    const { code, detail } = error
    const [ended] = await ports.jobs.advance([
      { jobId, attempt, to: 'failed', message: 'The upload failed', error: { code, detail, retryable: false } },
    ])
    if (ended?.job === undefined) return error
    if (ended.moved) ports.timeline.note({ jobId, attempt, hop: 'upload', outcome: 'failed', detail: code })
    await announcement.publish(ended.job)
    return !ended.moved && endedUnstored(ended.job) ? whyEnded(ended.job) : error
  } catch (cause) {
    ports.log.warn({ jobId, err: cause }, 'broken upload left to its deadline')
    return error
  } finally {
    announcement.cancel()
  }
}

/** What broke an upload: the reason of the abort, when there was one, says it better than the stream that it tore down. */
function toUploadError(error: unknown, signal: AbortSignal): AppError {
  return toAppError(signal.aborted ? signal.reason : error)
}
