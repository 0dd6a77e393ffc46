import multipart from '@fastify/multipart'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { parseCursor } from '../../domain/cursor.ts'
import { AppError } from '../../domain/errors.ts'
import type { Job } from '../../domain/job.ts'
import { acceptUpload } from '../../services/accept-upload.ts'
import { awaitChange } from '../../services/await-change.ts'
import { currentCursor } from '../../services/current-cursor.ts'
import { dispatchJob } from '../../services/dispatch-job.ts'
import { tooLarge } from '../../services/read-recording.ts'
import { ownerOf } from '../auth.ts'
import type { App, AppDependencies } from '../dependencies.ts'
import { toJobView } from '../job-view.ts'
import { registerUploadLimits } from '../limits.ts'
import { jobParamsSchema, jobSchema, tokenParamsSchema, waitQuerySchema } from '../schemas.ts'
import { drain, MULTIPART_LIMITS, openUpload, waitForUpload } from '../upload-body.ts'

const RAW_TYPES = /^(audio\/|video\/webm|video\/mp4|application\/ogg|application\/octet-stream)/i

const TAKEN_TYPES =
  'Send multipart/form-data with one part named file, or the recording itself as audio/*, video/webm, video/mp4, ' +
  'application/ogg or application/octet-stream.'

/** Most that a form may add to its recording: fields, heads of parts and boundaries. */
const MOST_FORM_BYTES = 1024 * 1024

/** Jobs: made from an upload, and read. */
export async function jobRoutes(app: App, deps: AppDependencies): Promise<void> {
  await app.register(uploadRoutes, deps)
  app.get(
    '/v1/jobs/:job_id',
    { schema: { params: jobParamsSchema, querystring: waitQuerySchema, response: { 200: jobSchema } } },
    async (request, reply) => {
      const owner = ownerOf(request)
      const { wait_s: waitS, after } = request.query
      if (waitS !== undefined) {
        const seen = await findOwnJob(deps, owner, request.params.job_id)
        const { job, cursor } = await waitForChange(deps, reply, seen, { waitS, after })
        return toJobView(job, cursor)
      }
      const cursor = await currentCursor(deps.ports, owner)
      return toJobView(await findOwnJob(deps, owner, request.params.job_id), cursor)
    },
  )
}

interface Waiting {
  readonly waitS: number
  readonly after: string | undefined
}

async function waitForChange(deps: AppDependencies, { raw }: FastifyReply, job: Job, { waitS, after }: Waiting) {
  const { owner } = job
  const room = deps.streams.room(owner)
  if (room === 'too-many') {
    throw new AppError('too-many-streams', `${owner} has as many event streams and waiting requests as it may`)
  }
  if (room === 'full') {
    throw new AppError('streams-full', 'This process has as many event streams and waiting requests as it may')
  }
  const release = deps.streams.hold(owner)
  const gone = new AbortController()
  const leave = (): void => gone.abort()
  raw.once('close', leave)
  try {
    const signal = AbortSignal.any([AbortSignal.timeout(waitS * 1000), gone.signal, deps.closing])
    return await awaitChange(deps.ports, job, parseCursor(after), signal)
  } finally {
    raw.off('close', leave)
    release()
  }
}

/** These routes read the body themselves: no other content type is parsed for them. */
async function uploadRoutes(app: App, deps: AppDependencies): Promise<void> {
  registerUploadLimits(app, deps, (request) => checkAnnounced(request, deps.limits.maxUploadBytes))
  app.removeAllContentTypeParsers()
  await app.register(multipart, { limits: MULTIPART_LIMITS })
  app.addContentTypeParser(RAW_TYPES, (_request, payload, done) => done(null, payload))

  app.post('/v1/jobs', { schema: { response: { 202: jobSchema } } }, async (request, reply) => {
    const { job, cursor, replayed } = await upload(deps, request, null)
    if (replayed) reply.header('idempotency-replayed', 'true')
    return reply.code(202).header('location', `/v1/jobs/${job.jobId}`).send(toJobView(job, cursor))
  })

  const schema = { params: tokenParamsSchema, response: { 200: jobSchema } }
  const config = { keylessOwner: deps.legacyUploadOwner }
  app.post('/:token_id/upload-audio', { schema, config }, async (request, reply) => {
    const { job, cursor, replayed } = await upload(deps, request, request.params.token_id)
    if (replayed) reply.header('idempotency-replayed', 'true')
    return toJobView(job, cursor)
  })
}

async function upload(deps: AppDependencies, request: FastifyRequest, tokenId: string | null) {
  const { ports, limits } = deps
  const owner = ownerOf(request)
  const { signal, pace, end } = waitForUpload(request, limits)
  try {
    const idempotencyKey = idempotencyKeyOf(request)
    const { fields, ...body } = await openUpload(request, { signal, pace }, deps.callbackRules)
    const context = { owner, idempotencyKey, pace, traceparent: traceparentOf(request) }
    const input = { ...fields, ...body, ...context, tokenId: tokenId ?? fields.tokenId }
    const { job, cursor, replayed } = await acceptUpload(ports, limits, input, signal)
    return { job: replayed ? job : await dispatchJob(ports, job), cursor, replayed }
  } catch (error) {
    drain(request)
    throw error
  } finally {
    end()
  }
}

/** The job of this id, when it is the asker's own; another's does not exist for them. */
export async function findOwnJob({ ports }: AppDependencies, owner: string, jobId: string): Promise<Job> {
  const job = await ports.jobs.find(jobId.toLowerCase())
  if (job?.owner !== owner) throw new AppError('job-not-found', `There is no job ${jobId}`)
  return job
}

/** Looked at before the body is asked for: whoever sent `Expect: 100-continue` need not send it at all. */
function checkAnnounced({ headers }: FastifyRequest, maxUploadBytes: number): void {
  const type = headers['content-type'] ?? ''
  const isMultipart = /^multipart\/form-data/i.test(type)
  if (!isMultipart && !RAW_TYPES.test(type)) {
    throw new AppError('upload-type-unsupported', TAKEN_TYPES)
  }
  const coding = headers['content-encoding'] ?? 'identity'
  if (coding.toLowerCase() !== 'identity') {
    throw new AppError('upload-type-unsupported', `Send the recording as it is, without Content-Encoding (${coding}).`)
  }
  const most = maxUploadBytes + (isMultipart ? MOST_FORM_BYTES : 0)
  if (Number(headers['content-length'] ?? 0) > most) throw tooLarge(maxUploadBytes)
}

/** Visible ASCII, as in the draft of the header (draft-ietf-httpapi-idempotency-key-header-07), with or without quotes. */
const IDEMPOTENCY_KEY = /^[\x21-\x7e](?:[\x20-\x7e]{0,253}[\x21-\x7e])?$/

export function idempotencyKeyOf({ raw }: FastifyRequest): string | null {
  const [key, ...others] = raw.headersDistinct['idempotency-key'] ?? []
  if (key === undefined) return null
  if (others.length === 0 && IDEMPOTENCY_KEY.test(key)) return key
  throw new AppError('request-invalid', 'Idempotency-Key: is 1 to 255 visible characters of ASCII, given once')
}

const TRACEPARENT = /^00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$/

export function traceparentOf(request: FastifyRequest): string | null {
  const { traceparent } = request.headers
  return typeof traceparent === 'string' && TRACEPARENT.test(traceparent) ? traceparent : null
}
