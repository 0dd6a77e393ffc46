/**
 * A recording comes in: its bytes go to the object store while they are hashed and counted, never held whole.
 *
 *   nothing read, or not audio by its first bytes → refused before there is a row
 *   row `uploading` → streaming → row `stored`
 *   broken off, too large, store away           → no object, row `failed` with its code
 *   row cannot be moved (database away)         → row stays `uploading`; at its deadline the reconciler ends it and
 *                                                 deletes the object
 */
import { addAbortSignal, Readable } from 'node:stream'
import { AppError, toAppError } from '../domain/errors.ts'
import { createUuidV7 } from '../domain/ids.ts'
import { type Job, type Priority, uploadProgress } from '../domain/job.ts'
import { recordingKey } from '../domain/object-keys.ts'
import { toProgressEvent } from '../domain/progress-event.ts'
import type { Ports, SniffedAudio } from '../ports.ts'
import { publishEvents, publishJobs, publishNewJob } from './publish-job.ts'
import { type IncomingRecording, openRecording, tooLarge } from './read-recording.ts'
import { createThrottle } from './throttle.ts'

type UploadPorts = Pick<Ports, 'jobs' | 'objects' | 'progress' | 'sniff' | 'metrics' | 'log'>

export interface Upload {
  readonly owner: string
  readonly tokenId: string | null
  readonly filename: string | null
  readonly priority: Priority
  readonly metadata: Readonly<Record<string, unknown>>
  readonly callbackUrl: string | null
  readonly notBefore: Date | null
  readonly traceparent: string | null
  readonly body: Readable
  /** What the client announced, where it did; drives the progress and refuses early, is never trusted. */
  readonly announcedBytes: number | undefined
}

export interface UploadLimits {
  readonly maxUploadBytes: number
  readonly uploadTimeoutS: number
}

const PROGRESS_INTERVAL_MS = 200

/**
 * Stores a recording and its row. `signal` aborts when the client goes or its time is over; once every byte has arrived
 * the job goes on without it.
 *
 * @returns the row, `stored`
 * @throws AppError `upload-empty`, `upload-not-audio`, `upload-too-large`, `upload-aborted`, `upload-expired`,
 *   `job-cancelled`, `storage-unavailable`, `database-unavailable`, and `internal` for what nobody foresaw
 */
export async function acceptUpload(
  ports: UploadPorts,
  limits: UploadLimits,
  upload: Upload,
  signal: AbortSignal,
): Promise<Job> {
  addAbortSignal(signal, upload.body)
  // The stream's own error reaches whoever reads it; between two reads nobody does, and Node would end the process.
  upload.body.on('error', () => {})
  try {
    return await receive(ports, limits, upload, signal)
  } catch (error) {
    const failure = toUploadError(error, signal)
    ports.metrics.count('uploads', { outcome: failure.code })
    throw failure
  } finally {
    upload.body.destroy()
  }
}

async function receive(ports: UploadPorts, limits: UploadLimits, upload: Upload, signal: AbortSignal): Promise<Job> {
  if ((upload.announcedBytes ?? 0) > limits.maxUploadBytes) throw tooLarge(limits.maxUploadBytes)
  const recording = await openRecording(ports, upload.body, limits.maxUploadBytes)
  const { audio } = recording
  const job = await createRow(ports, limits, upload, audio)
  const onBytes = createProgressReporter(ports, job, upload.announcedBytes)
  try {
    const body = Readable.from(recording.read(onBytes), { objectMode: false })
    await ports.objects.put(job.objectKey, body, { contentType: audio.contentType, signal })
  } catch (error) {
    await endBroken(ports, job, toUploadError(error, signal))
    throw error
  }
  return finish(ports, job, recording)
}

async function createRow(ports: UploadPorts, limits: UploadLimits, upload: Upload, audio: SniffedAudio): Promise<Job> {
  const madeAt = new Date()
  const jobId = createUuidV7(madeAt.getTime())
  const { body, announcedBytes, ...fields } = upload
  const job = await ports.jobs.create({
    ...fields,
    jobId,
    route: 'queue',
    contentType: audio.contentType,
    objectKey: recordingKey(upload.owner, jobId, audio.extension, madeAt),
    uploadTimeoutS: limits.uploadTimeoutS,
  })
  await publishNewJob(ports, job)
  return job
}

/** Publishes how far the upload has come, a few times a second; nothing while its size is unknown. */
function createProgressReporter(ports: UploadPorts, job: Job, announcedBytes: number | undefined) {
  const throttle = createThrottle(PROGRESS_INTERVAL_MS)
  let reported = 0
  return (sizeBytes: number): void => {
    const progress = uploadProgress(sizeBytes, announcedBytes)
    if (progress <= reported) return
    throttle(() => {
      reported = progress
      void publishEvents(ports, [toProgressEvent(job, { progress, at: new Date() })])
    })
  }
}

async function finish(ports: UploadPorts, job: Job, recording: IncomingRecording): Promise<Job> {
  const { jobId, attempt } = job
  const [advanced] = await ports.jobs.advance([{ jobId, attempt, to: 'stored', ...recording.totals() }])
  if (advanced?.job !== undefined && !endedUnstored(advanced.job)) {
    ports.metrics.count('uploads', { outcome: 'stored' })
    await publishJobs(ports, [advanced.job])
    return advanced.job
  }
  await ports.objects.delete(job.objectKey)
  if (advanced?.job?.status === 'cancelled') throw new AppError('job-cancelled', `Job ${jobId} was cancelled`)
  throw new AppError('upload-expired', 'The upload passed its deadline before it ended. Send it again.')
}

/** Only a row that ended before its recording was stored has no use for it; any other has a right to it. */
function endedUnstored({ status, error }: Job): boolean {
  return status === 'cancelled' || (status === 'failed' && error?.stage === 'uploading')
}

/** Ends the row of a broken upload. When even that fails the row's deadline ends it. */
async function endBroken(ports: UploadPorts, job: Job, error: AppError): Promise<void> {
  const { jobId, attempt } = job
  try {
    const { code, detail } = error
    const [ended] = await ports.jobs.advance([
      { jobId, attempt, to: 'failed', message: 'The upload failed', error: { code, detail, retryable: false } },
    ])
    await publishJobs(ports, ended?.job === undefined ? [] : [ended.job])
  } catch (cause) {
    ports.log.warn({ jobId, err: cause }, 'broken upload left to its deadline')
  }
}

/** What broke an upload: the reason of the abort, when there was one, says it better than the stream that it tore down. */
function toUploadError(error: unknown, signal: AbortSignal): AppError {
  return toAppError(signal.aborted ? signal.reason : error)
}
