import multipart from '@fastify/multipart'
import type { FastifyRequest } from 'fastify'
import { formatCursor } from '../../domain/cursor.ts'
import { AppError } from '../../domain/errors.ts'
import type { Job } from '../../domain/job.ts'
import { acceptUpload } from '../../services/accept-upload.ts'
import { dispatchJob } from '../../services/dispatch-job.ts'
import { formatResult, RESULT_TYPES } from '../../services/format-result.ts'
import { ownerOf } from '../auth.ts'
import type { App, AppDependencies } from '../dependencies.ts'
import { toJobView } from '../job-view.ts'
import { jobParamsSchema, jobSchema, resultQuerySchema, tokenParamsSchema } from '../schemas.ts'
import { drain, MULTIPART_LIMITS, openUpload, unlessAborted, uploadSignal } from '../upload-body.ts'

const RAW_TYPES = /^(audio\/|video\/webm|video\/mp4|application\/ogg|application\/octet-stream)/i

/** Jobs: made from an upload, read, and their results. */
export async function jobRoutes(app: App, deps: AppDependencies): Promise<void> {
  await app.register(uploadRoutes, deps)
  const { ports } = deps
  app.get(
    '/v1/jobs/:job_id',
    { schema: { params: jobParamsSchema, response: { 200: jobSchema } } },
    async (request) => {
      const owner = ownerOf(request)
      const cursor = await currentCursor(deps, owner)
      return toJobView(await findOwnJob(deps, owner, request.params.job_id), cursor)
    },
  )

  const resultSchema = { params: jobParamsSchema, querystring: resultQuerySchema }
  app.get('/v1/jobs/:job_id/result', { schema: resultSchema }, async (request, reply) => {
    const { format = 'json' } = request.query
    const job = await findOwnJob(deps, ownerOf(request), request.params.job_id)
    const result = job.status === 'completed' ? await ports.jobs.findResult(job.jobId) : undefined
    if (result === undefined) throw new AppError('result-not-ready', whyNoResult(job))
    reply.type(RESULT_TYPES[format])
    if (format !== 'json') return formatResult(ports, job, result, format)
    return 'json' in result ? result.json : ports.objects.get(result.objectKey)
  })
}

/** These routes read the body themselves: no other content type is parsed for them. */
async function uploadRoutes(app: App, deps: AppDependencies): Promise<void> {
  app.removeAllContentTypeParsers()
  await app.register(multipart, { limits: MULTIPART_LIMITS })
  app.addContentTypeParser(RAW_TYPES, (_request, payload, done) => done(null, payload))

  app.post('/v1/jobs', { schema: { response: { 202: jobSchema } } }, async (request, reply) => {
    const { job, cursor } = await upload(deps, request, null)
    return reply.code(202).header('location', `/v1/jobs/${job.jobId}`).send(toJobView(job, cursor))
  })

  const schema = { params: tokenParamsSchema, response: { 200: jobSchema } }
  app.post('/:token_id/upload-audio', { schema }, async (request) => {
    const { job, cursor } = await upload(deps, request, request.params.token_id)
    return toJobView(job, cursor)
  })
}

async function upload(deps: AppDependencies, request: FastifyRequest, tokenId: string | null) {
  const { ports, limits } = deps
  const owner = ownerOf(request)
  try {
    const signal = uploadSignal(request, limits.uploadTimeoutS)
    const { fields, ...body } = await unlessAborted(signal, openUpload(request))
    const traceparent = traceparentOf(request)
    const input = { ...fields, ...body, owner, traceparent, tokenId: tokenId ?? fields.tokenId }
    const stored = await acceptUpload(ports, limits, input, signal)
    // Read before the job is handed over, so that whoever follows from here misses nothing.
    const cursor = await currentCursor(deps, owner)
    return { job: await dispatchJob(ports, stored), cursor }
  } catch (error) {
    drain(request)
    throw error
  }
}

/** The job of this id, when it is the asker's own; another's does not exist for them. */
export async function findOwnJob({ ports }: AppDependencies, owner: string, jobId: string): Promise<Job> {
  const job = await ports.jobs.find(jobId.toLowerCase())
  if (job?.owner !== owner) throw new AppError('job-not-found', `There is no job ${jobId}`)
  return job
}

/** Where the owner's log is now; null while it cannot be reached. */
async function currentCursor({ ports }: AppDependencies, owner: string): Promise<string | null> {
  try {
    return formatCursor(await ports.progress.head(owner))
  } catch (error) {
    ports.log.debug({ err: error }, 'no event cursor')
    return null
  }
}

function whyNoResult(job: Job): string {
  if (job.status === 'failed') return `The job failed: ${job.error?.detail ?? job.message}`
  if (job.status === 'cancelled') return 'The job was cancelled'
  return `The job is still ${job.status}; follow /v1/jobs/${job.jobId}/events`
}

const TRACEPARENT = /^00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$/

function traceparentOf(request: FastifyRequest): string | null {
  const { traceparent } = request.headers
  return typeof traceparent === 'string' && TRACEPARENT.test(traceparent) ? traceparent : null
}
