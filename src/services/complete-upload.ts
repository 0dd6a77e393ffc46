/**
 * A recording that the client sent to the object store itself becomes a job: it is read once, checked as any upload is,
 * and written anew under a key that no client ever had a URL for. So what was checked is what is analysed, whatever is
 * sent to the old URLs later, and no promise of the store about ETags or copies is needed.
 *
 *   parts → joined under the staging key        crash: the next completion finds the object instead of the parts
 *   staging → read, hashed, sniffed → new key   crash: the next completion writes under a further key
 *   row → `stored` with that key                of several completions at once one moves it; the others' copies go
 *   staging and other copies deleted            crash: they are left to the bucket's rules and the sweep
 *
 *   not arrived, a part missing                 → refused; the row stays `uploading`, the client goes on
 *   other size, other hash, not audio, too long → row `failed` with its code, everything deleted
 *   store or database away                      → 503; the row stays `uploading` until its deadline
 */
import { randomBytes } from 'node:crypto'
import { addAbortSignal } from 'node:stream'
import { AppError, toAppError } from '../domain/errors.ts'
import { endedUnstored, type Job } from '../domain/job.ts'
import { checkedRecordingKey } from '../domain/object-keys.ts'
import { planParts } from '../domain/part-plan.ts'
import type { UploadedPart, UploadFacts } from '../ports/direct-uploads.ts'
import type { Ports } from '../ports.ts'
import type { UploadLimits } from './accept-upload.ts'
import { dropArrived, dropUpload, tidily } from './drop-upload.ts'
import { notDirect } from './offer-upload.ts'
import { publishJobs } from './publish-job.ts'
import { openRecording } from './read-recording.ts'
import { settledUpload } from './settled-upload.ts'

type CompletePorts = Pick<
  Ports,
  | 'jobs'
  | 'objects'
  | 'directUploads'
  | 'uploadFacts'
  | 'progress'
  | 'timeline'
  | 'sniff'
  | 'inspectHead'
  | 'metrics'
  | 'log'
>

/** What the check found out. */
interface Checked {
  readonly sizeBytes: number
  readonly sha256: string
  readonly durationS: number | null
  readonly recording: { readonly objectKey: string; readonly contentType: string }
}

/**
 * Checks what has arrived and stores it; a repeat answers with the job as it is now.
 *
 * @param parts the ETags of parts, where the client knows them; the others are asked of the store
 * @returns the row, `stored` or further on
 * @throws AppError `upload-incomplete`, `upload-mismatch`, `upload-not-audio`, `recording-too-long`, `upload-expired`,
 *   `job-cancelled`, `job-not-found` when the recording does not come this way, `storage-unavailable`,
 *   `database-unavailable`
 */
export async function completeUpload(
  ports: CompletePorts,
  limits: UploadLimits,
  job: Job,
  parts: readonly UploadedPart[] = [],
): Promise<Job> {
  const facts = await ports.uploadFacts.find(job.jobId)
  if (facts === undefined) throw notDirect(job)
  if (job.status !== 'uploading') return settledUpload(job)
  try {
    await join(ports, job, facts, parts)
    return await keep(ports, job, await check(ports, limits, job, facts))
  } catch (error) {
    // Another completion may have been faster and have cleared away what this one was reading.
    const row = await ports.jobs.find(job.jobId)
    if (row !== undefined && row.status !== 'uploading') return settledUpload(row)
    const failure = toAppError(error)
    if (isRefusal(failure)) await refuse(ports, job, failure)
    throw failure
  }
}

async function join(
  ports: CompletePorts,
  job: Job,
  { method, uploadId, sizeBytes }: UploadFacts,
  given: readonly UploadedPart[],
): Promise<void> {
  if (method === 'put') return
  if (uploadId === null) throw incomplete('Nothing was sent yet.')
  const { directUploads, objects } = ports
  try {
    const { count } = planParts(sizeBytes)
    const etags = new Map(given.map(({ partNumber, etag }) => [partNumber, etag]))
    const numbers = Array.from({ length: count }, (_, index) => index + 1)
    if (numbers.some((partNumber) => !etags.has(partNumber))) {
      const listed = (await directUploads.listParts(job.objectKey, uploadId)) ?? []
      for (const { partNumber, etag } of listed) if (!etags.has(partNumber)) etags.set(partNumber, etag)
    }
    const missing = numbers.filter((partNumber) => !etags.has(partNumber))
    if (missing.length > 0 && (await objects.head(job.objectKey)) !== undefined) return
    if (missing.length > 0)
      throw incomplete(`Send what is missing, or its ETags: part ${missing.slice(0, 20).join(', ')}.`)
    await directUploads.join(
      job.objectKey,
      uploadId,
      numbers.map((partNumber) => ({ partNumber, etag: etags.get(partNumber) ?? '' })),
    )
  } catch (error) {
    // Joined before, by a completion that broke off or goes on at this moment: the object tells.
    if (!(error instanceof AppError && error.code === 'object-not-found')) throw error
  }
}

/** Writes what was sent under a new key while it is checked; nothing is left there when it is refused. */
async function check(ports: CompletePorts, limits: UploadLimits, job: Job, facts: UploadFacts): Promise<Checked> {
  const { objects } = ports
  const found = await objects.head(job.objectKey)
  if (found === undefined) throw incomplete('Nothing was sent yet.')
  if (found.sizeBytes !== facts.sizeBytes) {
    throw mismatch(`It has ${found.sizeBytes} bytes, and ${facts.sizeBytes} were announced.`)
  }
  const late = new AppError('storage-unavailable', 'Checking the recording took too long. Complete it again.')
  const over = new AbortController()
  const timer = setTimeout(() => over.abort(late), limits.uploadTimeoutS * 1000)
  const { signal } = over
  try {
    const body = addAbortSignal(signal, await objects.get(job.objectKey, signal))
    body.on('error', () => {})
    const recording = await openRecording(ports, body, limits)
    const { contentType, extension } = recording.audio
    const objectKey = checkedRecordingKey(job, randomBytes(4).toString('hex'), extension)
    const size = { bytes: found.sizeBytes, exact: true }
    await objects.put(objectKey, recording.read(), { contentType, signal, size })
    const { sizeBytes, sha256, durationS } = recording.totals()
    if (facts.sha256 !== null && facts.sha256 !== sha256) {
      await objects.delete(objectKey)
      throw mismatch(`Its SHA-256 is ${sha256}, and ${facts.sha256} was announced.`)
    }
    return { sizeBytes, sha256, durationS, recording: { objectKey, contentType } }
  } finally {
    clearTimeout(timer)
  }
}

async function keep(ports: CompletePorts, job: Job, { durationS, ...checked }: Checked): Promise<Job> {
  const { jobId, attempt } = job
  const { objectKey } = checked.recording
  const known = durationS === null ? checked : { ...checked, durationS }
  const [advanced] = await ports.jobs.advance([{ jobId, attempt, from: 'uploading', to: 'stored', ...known }])
  const row = advanced?.job
  if (row?.objectKey !== objectKey) {
    await ports.objects.delete(objectKey)
    return settledUpload(row ?? job)
  }
  ports.metrics.count('uploads', { outcome: 'stored' })
  ports.timeline.note({ jobId, attempt, hop: 'upload', outcome: 'stored', detail: `${checked.sizeBytes} bytes` })
  await publishJobs(ports, [row])
  await tidily(ports, job, () => dropArrived(ports, job, objectKey))
  return row
}

/** What no further completion can mend. */
function isRefusal({ code, retry }: AppError): boolean {
  return retry === 'never' && code !== 'upload-incomplete' && code !== 'object-not-found'
}

/** Ends the row and deletes what was sent. When even that fails the row's deadline ends it. */
async function refuse(ports: CompletePorts, job: Job, { code, detail }: AppError): Promise<void> {
  ports.metrics.count('uploads', { outcome: code })
  await tidily(ports, job, async () => {
    await endUpload(ports, job, { to: 'failed', error: { code, detail, retryable: false } })
  })
}

/**
 * The client gives its upload up; a repeat answers the same.
 *
 * @throws AppError `upload-complete` when the recording is stored already, `job-not-found` when it does not come this way
 */
export async function abortUpload(ports: CompletePorts, job: Job): Promise<void> {
  if ((await ports.uploadFacts.find(job.jobId)) === undefined) throw notDirect(job)
  const row = job.status === 'uploading' ? await endUpload(ports, job, { to: 'cancelled' }) : job
  if (!endedUnstored(row)) throw new AppError('upload-complete', `The recording of job ${job.jobId} is stored already`)
  // Also of one that ended before: a URL that was signed then may have been used since.
  if (job.status !== 'uploading') await tidily(ports, job, () => dropUpload(ports, job))
}

type End =
  | { readonly to: 'cancelled' }
  | { readonly to: 'failed'; readonly error: { code: string; detail: string; retryable: boolean } }

async function endUpload(ports: CompletePorts, job: Job, end: End): Promise<Job> {
  const { jobId, attempt } = job
  const [ended] = await ports.jobs.advance([{ jobId, attempt, from: 'uploading', ...end }])
  const row = ended?.job ?? job
  const detail = end.to === 'failed' ? end.error.code : undefined
  if (ended?.moved) ports.timeline.note({ jobId, attempt, hop: 'upload', outcome: end.to, detail })
  await publishJobs(ports, [row])
  if (ended?.moved) await tidily(ports, job, () => dropUpload(ports, job))
  return row
}

function incomplete(detail: string): AppError {
  return new AppError('upload-incomplete', detail)
}

function mismatch(detail: string): AppError {
  return new AppError('upload-mismatch', `What has arrived is not what was announced. ${detail}`)
}
