/**
 * A recording comes in: its bytes go to the object store while they are hashed and counted, never held whole.
 *
 *   nothing read, or not audio by its first bytes → refused before there is a row
 *   row `uploading` → streaming → row `stored`
 *   broken off, too large, store away           → no object, row `failed` with its code
 *   row cannot be moved (database away)         → row stays `uploading`; at its deadline the reconciler ends it and
 *                                                 deletes the object
 */
import { createHash } from 'node:crypto'
import { addAbortSignal, Readable } from 'node:stream'
import { AppError, toAppError } from '../domain/errors.ts'
import { createUuidV7 } from '../domain/ids.ts'
import { type Job, type Priority, uploadProgress } from '../domain/job.ts'
import { recordingKey } from '../domain/object-keys.ts'
import { toProgressEvent } from '../domain/progress-event.ts'
import type { Ports, SniffedAudio } from '../ports.ts'
import { publishEvents, publishJobs, publishNewJob } from './publish-job.ts'
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

const SNIFF_BYTES = 512
const PROGRESS_INTERVAL_MS = 200

/**
 * Stores a recording and its row. `signal` aborts when the client goes; once every byte has arrived the job goes on
 * without it.
 *
 * @returns the row, `stored`
 * @throws AppError `upload-empty`, `upload-not-audio`, `upload-too-large`, `upload-aborted`, `upload-expired`,
 *   `storage-unavailable`, `database-unavailable`
 */
export async function acceptUpload(
  ports: UploadPorts,
  limits: UploadLimits,
  upload: Upload,
  signal: AbortSignal,
): Promise<Job> {
  const timeout = AbortSignal.timeout(limits.uploadTimeoutS * 1000)
  const stop = AbortSignal.any([signal, timeout])
  addAbortSignal(stop, upload.body)
  // The stream's own error reaches whoever reads it; between two reads nobody does, and Node would end the process.
  upload.body.on('error', () => {})
  try {
    return await receive(ports, limits, upload, stop)
  } catch (error) {
    const failure = asUploadError(error, signal, timeout)
    ports.metrics.count('uploads', { outcome: failure.code })
    throw failure
  } finally {
    upload.body.destroy()
  }
}

async function receive(ports: UploadPorts, limits: UploadLimits, upload: Upload, stop: AbortSignal): Promise<Job> {
  if ((upload.announcedBytes ?? 0) > limits.maxUploadBytes) throw tooLarge(limits.maxUploadBytes)
  const { head, rest } = await readHead(upload.body)
  const audio = sniff(ports, head)
  const job = await createRow(ports, limits, upload, audio)
  const meter = createMeter(ports, job, upload.announcedBytes, limits.maxUploadBytes)
  try {
    const body = Readable.from(meter.through(head, rest), { objectMode: false })
    await ports.objects.put(job.objectKey, body, { contentType: audio.contentType, signal: stop })
  } catch (error) {
    await endBroken(ports, job, asUploadError(error, stop))
    throw error
  }
  return finish(ports, job, meter)
}

/** Reads until the type can be told; the rest stays unread. */
async function readHead(body: Readable): Promise<{ head: Buffer; rest: AsyncIterator<Buffer> }> {
  const rest = body[Symbol.asyncIterator]() as AsyncIterator<Buffer>
  const chunks: Buffer[] = []
  let length = 0
  while (length < SNIFF_BYTES) {
    const { value, done } = await rest.next()
    if (done === true) break
    chunks.push(value)
    length += value.length
  }
  return { head: chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks), rest }
}

function sniff(ports: UploadPorts, head: Buffer): SniffedAudio {
  if (head.length === 0) throw new AppError('upload-empty', 'The file has no bytes. Record again and send that file.')
  const audio = ports.sniff(head)
  if (audio !== undefined) return audio
  throw new AppError(
    'upload-not-audio',
    'The first bytes are of no audio format that is known. Send WAV, MP3, FLAC, Ogg, WebM or MP4.',
  )
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

/** Passes the bytes on while counting, hashing and reporting them; fails at the first byte over the limit. */
function createMeter(ports: UploadPorts, job: Job, announcedBytes: number | undefined, maxBytes: number) {
  const hash = createHash('sha256')
  const throttle = createThrottle(PROGRESS_INTERVAL_MS)
  let sizeBytes = 0
  let reported = 0
  function take(chunk: Buffer): Buffer {
    sizeBytes += chunk.length
    if (sizeBytes > maxBytes) throw tooLarge(maxBytes)
    hash.update(chunk)
    const progress = uploadProgress(sizeBytes, announcedBytes)
    if (progress > reported) {
      throttle(() => {
        reported = progress
        publishEvents(ports, [toProgressEvent(job, { progress, at: new Date() })])
      })
    }
    return chunk
  }
  async function* through(head: Buffer, rest: AsyncIterator<Buffer>) {
    yield take(head)
    for await (const chunk of { [Symbol.asyncIterator]: () => rest }) yield take(chunk)
  }
  return { through, totals: () => ({ sizeBytes, sha256: hash.digest('hex') }) }
}

async function finish(ports: UploadPorts, job: Job, meter: ReturnType<typeof createMeter>): Promise<Job> {
  const { jobId, attempt } = job
  const [advanced] = await ports.jobs.advance([{ jobId, attempt, to: 'stored', ...meter.totals() }])
  if (advanced?.moved && advanced.job !== undefined) {
    ports.metrics.count('uploads', { outcome: 'stored' })
    await publishJobs(ports, [advanced.job])
    return advanced.job
  }
  await ports.objects.delete(job.objectKey)
  if (advanced?.job?.status === 'cancelled') throw new AppError('job-cancelled', `Job ${jobId} was cancelled`)
  throw new AppError('upload-expired', 'The upload passed its deadline before it ended. Send it again.')
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

function asUploadError(error: unknown, aborted: AbortSignal, timeout?: AbortSignal): AppError {
  if (error instanceof AppError) return error
  if (timeout?.aborted || isTimeout(aborted.reason)) {
    return new AppError(
      'upload-expired',
      'The upload took longer than is allowed. Send it again over a faster connection.',
    )
  }
  if (aborted.aborted) return new AppError('upload-aborted', 'The connection ended before the whole file had arrived')
  return toAppError(error, 'upload-aborted', 'The request ended before the whole file had arrived')
}

function isTimeout(reason: unknown): boolean {
  return reason instanceof DOMException && reason.name === 'TimeoutError'
}

function tooLarge(maxBytes: number): AppError {
  return new AppError('upload-too-large', `The recording has more than the ${maxBytes} bytes that are allowed`)
}
