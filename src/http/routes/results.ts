import { fastifyCompress } from '@fastify/compress'
import type { FastifyReply } from 'fastify'
import { formatDisposition } from '../../domain/content-disposition.ts'
import { AppError } from '../../domain/errors.ts'
import type { Job } from '../../domain/job.ts'
import { purged } from '../../domain/purged.ts'
import { RESULT_TYPES, type ResultFormat } from '../../domain/result-formats.ts'
import { formatStoredResult } from '../../services/format-result.ts'
import { ownerOf } from '../auth.ts'
import type { App, AppDependencies } from '../dependencies.ts'
import { jobParamsSchema, resultQuerySchema } from '../schemas.ts'
import { DRAWING_POLICY } from '../security-headers.ts'
import { findOwnJob } from './jobs.ts'

/** Below this the saving is less than a packet. */
const COMPRESSED_FROM_BYTES = 1024
/** Larger ones are compressed off the event loop. */
const COMPRESSED_AT_ONCE_BYTES = 16 * 1024

const EXTENSIONS: Readonly<Record<Exclude<ResultFormat, 'json'>, string>> = {
  csv: 'csv',
  textgrid: 'TextGrid',
  pitchtier: 'PitchTier',
  svg: 'svg',
}

/**
 * Results of analyses. They alone are compressed: a result has no secret in it that an attacker's own text, sent along
 * and reflected, could be compared with by the length of the answer (BREACH); nothing of the request is in it.
 */
export async function resultRoutes(app: App, deps: AppDependencies): Promise<void> {
  await app.register(fastifyCompress, {
    globalDecompression: false,
    encodings: ['br', 'gzip'],
    threshold: COMPRESSED_FROM_BYTES,
    syncThreshold: COMPRESSED_AT_ONCE_BYTES,
  })
  const { ports } = deps
  const schema = { params: jobParamsSchema, querystring: resultQuerySchema }
  app.get('/v1/jobs/:job_id/result', { schema }, async (request, reply) => {
    const { format = 'json' } = request.query
    addVary(reply, 'accept-encoding')
    const job = await findOwnJob(deps, ownerOf(request), request.params.job_id)
    if (job.purgedAt !== null) throw purged(job)
    const result = job.status === 'completed' ? await ports.jobs.findResult(job.jobId) : undefined
    if (result === undefined) throw new AppError('result-not-ready', whyNoResult(job))
    const formatted = format === 'json' ? undefined : await formatStoredResult(ports, result, format)
    reply.type(RESULT_TYPES[format])
    if (format !== 'json') reply.header('content-disposition', formatDisposition(resultName(job, EXTENSIONS[format])))
    if (format === 'svg') reply.header('content-security-policy', DRAWING_POLICY)
    if (formatted !== undefined) return formatted
    return 'json' in result ? result.json : ports.objects.get(result.objectKey)
  })
}

/** Also on what is sent as it is: who keeps it must not give it to one that asks for another encoding, or the reverse. */
function addVary(reply: FastifyReply, name: string): void {
  const given = reply.getHeader('vary')
  reply.header('vary', given === undefined ? name : `${given}, ${name}`)
}

/** The recording's name with another extension; the job's id where the recording had none. */
function resultName({ filename, jobId }: Job, extension: string): string {
  const stem = filename?.replace(/^[.\s]+|\.[^.]{0,10}$/g, '').slice(0, 120)
  return `${stem || jobId}.${extension}`
}

function whyNoResult(job: Job): string {
  if (job.status === 'failed') return `The job failed: ${job.error?.detail ?? job.message}`
  if (job.status === 'cancelled') return 'The job was cancelled'
  return `The job is ${job.status}`
}
