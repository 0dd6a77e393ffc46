import type { FastifyRequest } from 'fastify'
import type { Static } from 'typebox'
import { AppError } from '../../domain/errors.ts'
import type { Job } from '../../domain/job.ts'
import { abortUpload, completeUpload } from '../../services/complete-upload.ts'
import { currentCursor } from '../../services/current-cursor.ts'
import { dispatchJob } from '../../services/dispatch-job.ts'
import { offerUpload, resumeUpload, type UploadRequest } from '../../services/offer-upload.ts'
import { ownerOf } from '../auth.ts'
import type { App, AppDependencies } from '../dependencies.ts'
import {
  completeUploadSchema,
  newUploadSchema,
  offeredUploadSchema,
  resumeUploadSchema,
  toOfferedView,
} from '../direct-upload-schemas.ts'
import { toJobView } from '../job-view.ts'
import { registerUploadLimits } from '../limits.ts'
import { jobParamsSchema, jobSchema, parseUploadFields } from '../schemas.ts'
import { findOwnJob, idempotencyKeyOf, traceparentOf } from './jobs.ts'

const DEFAULT_TIMEOUT_S = 3600

/** Recordings that clients send straight to S3: offered, signed again, completed, given up. */
export async function directUploadRoutes(app: App, deps: AppDependencies): Promise<void> {
  const { ports } = deps
  const params = jobParamsSchema
  const complete = createCompletion(deps)

  await app.register(offerRoute, deps)

  const resumeSchema = { params, body: resumeUploadSchema, response: { 200: offeredUploadSchema } }
  app.post('/v1/uploads/:job_id/urls', { schema: resumeSchema }, async (request, reply) => {
    const job = await findOwnJob(deps, ownerOf(request), request.params.job_id)
    const offered = await resumeUpload(ports, job, request.body?.parts)
    return reply.header('cache-control', 'no-store').send(toOfferedView(offered))
  })

  const completeSchema = { params, body: completeUploadSchema, response: { 202: jobSchema } }
  app.post('/v1/uploads/:job_id/complete', { schema: completeSchema }, async (request, reply) => {
    const owner = ownerOf(request)
    // Before the row: what becomes of it after is behind the cursor.
    const cursor = await currentCursor(deps.ports, owner)
    const job = await findOwnJob(deps, owner, request.params.job_id)
    const done = await complete(job, request.body?.parts ?? [])
    return reply.code(202).header('location', `/v1/jobs/${job.jobId}`).send(toJobView(done, cursor))
  })

  app.delete('/v1/uploads/:job_id', { schema: { params } }, async (request, reply) => {
    await abortUpload(ports, await findOwnJob(deps, ownerOf(request), request.params.job_id))
    return reply.code(204).send()
  })
}

/** Its announcement is an upload like any other while it is made. */
async function offerRoute(app: App, deps: AppDependencies): Promise<void> {
  const { ports, directUploadTimeoutS = DEFAULT_TIMEOUT_S } = deps
  const limits = { ...deps.limits, directUploadTimeoutS }
  registerUploadLimits(app, deps)

  const schema = { body: newUploadSchema, response: { 201: offeredUploadSchema } }
  app.post('/v1/uploads', { schema }, async (request, reply) => {
    const offered = await offerUpload(ports, limits, toUploadRequest(request, request.body, deps))
    if (offered.replayed) reply.header('idempotency-replayed', 'true')
    const { jobId } = offered.job
    return reply
      .code(201)
      .header('location', `/v1/jobs/${jobId}`)
      .header('cache-control', 'no-store')
      .send(toOfferedView(offered))
  })
}

type GivenParts = readonly { readonly part_number: number; readonly etag: string }[]

/**
 * Completions of one job that come to this process at the same time share one reading of the recording, which counts
 * as one upload of its owner's. It goes on when the client leaves.
 */
function createCompletion({ ports, limits }: AppDependencies) {
  const underWay = new Map<string, Promise<Job>>()
  const complete = async (job: Job, parts: GivenParts): Promise<Job> => {
    const sizeBytes = (await ports.uploadFacts.find(job.jobId))?.sizeBytes ?? 0
    const bytes = job.status === 'uploading' ? sizeBytes : 0
    // How many bytes it is for, its row says: the request was taken before.
    const entered = await ports.limits.enter(job.owner, { requests: 0, bytes })
    if ('refusedBy' in entered) {
      const { refusedBy, retryAfterS } = entered
      const code = refusedBy === 'uploads' ? 'too-many-uploads' : 'rate-limited'
      throw new AppError(code, `Complete this upload again in ${retryAfterS} s.`, { retryAfterS })
    }
    try {
      const uploaded = parts.map(({ part_number, etag }) => ({ partNumber: part_number, etag }))
      const row = await completeUpload(ports, limits, job, uploaded)
      return row.status === 'stored' ? await dispatchJob(ports, row) : row
    } finally {
      void entered.lease.leave()
    }
  }
  return (job: Job, parts: GivenParts): Promise<Job> => {
    const running = underWay.get(job.jobId)
    if (running !== undefined) return running
    const run = complete(job, parts).finally(() => underWay.delete(job.jobId))
    underWay.set(job.jobId, run)
    return run
  }
}

function toUploadRequest(
  request: FastifyRequest,
  body: Static<typeof newUploadSchema>,
  { callbackRules }: AppDependencies,
): UploadRequest {
  const { content_type: contentType, size_bytes: sizeBytes, sha256 = null, metadata, ...given } = body
  const text = metadata === undefined ? {} : { metadata: JSON.stringify(metadata) }
  return {
    ...parseUploadFields({ ...given, ...text }, callbackRules),
    owner: ownerOf(request),
    idempotencyKey: idempotencyKeyOf(request),
    traceparent: traceparentOf(request),
    contentType,
    sizeBytes,
    sha256,
  }
}
