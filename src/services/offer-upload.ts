/**
 * A client is to send its recording straight to the object store: the row is made first, then the URLs.
 *
 *   row `uploading`, its deadline the end of the whole upload → an upload in parts is begun and its id kept in the row
 *   crash between the two                    → at its deadline the row ends; parts nobody knows fall to the bucket's rule
 *   idempotency key of a job that is there   → that job, its URLs signed again
 */
import { AppError } from '../domain/errors.ts'
import { createUuidV7 } from '../domain/ids.ts'
import type { Job } from '../domain/job.ts'
import { stagingKey } from '../domain/object-keys.ts'
import { type PartPlan, planParts, sizeOfPart } from '../domain/part-plan.ts'
import type { UploadFacts } from '../ports/direct-uploads.ts'
import type { Ports } from '../ports.ts'
import type { Upload } from './accept-upload.ts'
import { createRoutedJob } from './create-routed-job.ts'
import { publishNewJob } from './publish-job.ts'
import { tooLarge } from './read-recording.ts'
import { assertSameFields } from './replay-upload.ts'
import { settledUpload } from './settled-upload.ts'

type OfferPorts = Pick<
  Ports,
  'jobs' | 'router' | 'objects' | 'directUploads' | 'uploadFacts' | 'progress' | 'timeline' | 'metrics' | 'log'
>

export interface UploadRequest extends Omit<Upload, 'body' | 'size' | 'pace'> {
  readonly contentType: string
  readonly sizeBytes: number
  /** Hex; null when it is not known beforehand. */
  readonly sha256: string | null
}

export interface OfferLimits {
  readonly maxUploadBytes: number
  readonly directUploadTimeoutS: number
}

export interface OfferedUpload {
  readonly job: Job
  readonly plan: PartPlan
  /** One per part, in the order of `parts`; empty when nothing is missing. */
  readonly urls: readonly string[]
  /** The numbers of the parts the URLs are for; `[1]` of a recording sent whole. */
  readonly parts: readonly number[]
  /** What each request has to carry besides its length. */
  readonly headers: Readonly<Record<string, string>>
  /** The end of the whole upload; URLs end sooner. */
  readonly expiresAt: Date
  readonly replayed: boolean
}

/** A URL that leaks is worth little, and whoever needs longer asks again. */
const URL_S = 15 * 60

/**
 * Makes the job, or finds it by its idempotency key, and signs all URLs.
 *
 * @throws AppError `upload-empty`, `upload-too-large`, `idempotency-busy`, `idempotency-conflict`,
 *   `storage-unavailable`, `database-unavailable`
 */
export async function offerUpload(
  ports: OfferPorts,
  limits: OfferLimits,
  request: UploadRequest,
): Promise<OfferedUpload> {
  const { sizeBytes, sha256, ...fields } = request
  if (sizeBytes === 0) throw new AppError('upload-empty', 'The file has no bytes. Record again and send that file.')
  if (sizeBytes > limits.maxUploadBytes) throw tooLarge(limits.maxUploadBytes)
  const { method } = planParts(sizeBytes)
  const jobId = createUuidV7(Date.now())
  const job = await createRoutedJob(ports, {
    ...fields,
    jobId,
    objectKey: stagingKey(request.owner, jobId),
    uploadTimeoutS: limits.directUploadTimeoutS,
    announced: { method, sizeBytes, sha256 },
  })
  const replayed = job.jobId !== jobId
  if (replayed) await assertSameUpload(ports, job, request)
  else {
    ports.timeline.note({ jobId, attempt: job.attempt, hop: 'upload', outcome: 'offered' })
    await publishNewJob(ports, job)
  }
  return { ...(await signMissing(ports, job)), replayed }
}

/**
 * Signs again: of these parts, else of all that have not arrived as far as the store can say.
 *
 * @throws AppError `upload-complete` when there is nothing to send any more, what ended the upload when it has failed,
 *   `job-not-found` when the recording does not come this way, `request-invalid` for a part that is none
 */
export async function resumeUpload(ports: OfferPorts, job: Job, parts?: readonly number[]): Promise<OfferedUpload> {
  if (job.status !== 'uploading') {
    const { jobId } = settledUpload(job)
    throw new AppError('upload-complete', `The recording of job ${jobId} is stored already`)
  }
  return { ...(await signMissing(ports, job, parts)), replayed: false }
}

async function signMissing(
  ports: OfferPorts,
  job: Job,
  asked?: readonly number[],
): Promise<Omit<OfferedUpload, 'replayed'>> {
  const facts = await ports.uploadFacts.find(job.jobId)
  if (facts === undefined) throw notDirect(job)
  const plan = planParts(facts.sizeBytes)
  const headers = plan.method === 'put' ? { 'content-type': job.contentType } : {}
  const common = { job, plan, headers, expiresAt: facts.expiresAt }
  const leftS = Math.floor(facts.leftS)
  if (job.status !== 'uploading') return { ...common, urls: [], parts: [] }
  if (leftS < 1)
    throw new AppError('upload-expired', 'The upload passed its deadline before it ended. Begin a new one.')
  const expiresInS = Math.min(URL_S, leftS)
  const count = plan.method === 'put' ? 1 : plan.count
  const wrong = asked?.find((partNumber) => partNumber > count)
  if (wrong !== undefined) throw new AppError('request-invalid', `parts: there are only ${count}, not ${wrong}`)
  if (plan.method === 'put') {
    const { contentType } = job
    const put = { contentType, sizeBytes: facts.sizeBytes, expiresInS }
    return { ...common, urls: [await ports.directUploads.presignPut(job.objectKey, put)], parts: [1] }
  }
  const uploadId = await ensureBegun(ports, job, facts)
  const parts = asked ?? (await missingParts(ports, job, uploadId, plan))
  const sign = (partNumber: number): Promise<string> => {
    const sizeBytes = sizeOfPart(plan, facts.sizeBytes, partNumber)
    return ports.directUploads.presignPart(job.objectKey, { uploadId, partNumber, sizeBytes, expiresInS })
  }
  return { ...common, urls: await Promise.all(parts.map(sign)), parts }
}

/** Requests at once may each begin an upload; the row keeps one, and the others are dropped. */
async function ensureBegun(ports: OfferPorts, job: Job, facts: UploadFacts): Promise<string> {
  if (facts.uploadId !== null) return facts.uploadId
  const begun = await ports.directUploads.begin(job.objectKey, job.contentType)
  const kept = (await ports.uploadFacts.bind(job.jobId, begun)) ?? begun
  if (kept !== begun) await ports.directUploads.abort(job.objectKey, begun)
  return kept
}

async function missingParts(ports: OfferPorts, job: Job, uploadId: string, { count }: PartPlan): Promise<number[]> {
  const all = Array.from({ length: count }, (_, index) => index + 1)
  const arrived = await ports.directUploads.listParts(job.objectKey, uploadId).catch((error: unknown) => {
    // Joined already by a completion that broke off: nothing is missing.
    if (error instanceof AppError && error.code === 'object-not-found') return undefined
    throw error
  })
  const numbers = new Set(arrived?.map(({ partNumber }) => partNumber))
  return all.filter((partNumber) => !numbers.has(partNumber))
}

async function assertSameUpload(ports: OfferPorts, job: Job, request: UploadRequest): Promise<void> {
  const facts = await ports.uploadFacts.find(job.jobId)
  if (facts === undefined && job.status === 'uploading') {
    const detail = 'A request with this Idempotency-Key is still uploading. Wait for its answer, or try again later.'
    throw new AppError('idempotency-busy', detail)
  }
  const sizeBytes = facts?.sizeBytes ?? job.sizeBytes
  const isSame = facts !== undefined && sizeBytes === request.sizeBytes && facts.sha256 === request.sha256
  assertSameFields(job, request, isSame ? [] : ['recording'])
  ports.metrics.count('uploads', { outcome: 'replayed' })
}

export function notDirect({ jobId }: Pick<Job, 'jobId'>): AppError {
  return new AppError('job-not-found', `There is no direct upload of job ${jobId}`)
}
