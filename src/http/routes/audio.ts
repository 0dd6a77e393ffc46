import { Type } from 'typebox'
import { AppError } from '../../domain/errors.ts'
import type { Job } from '../../domain/job.ts'
import { purged } from '../../domain/purged.ts'
import { ownerOf } from '../auth.ts'
import type { App, AppDependencies } from '../dependencies.ts'
import { jobParamsSchema } from '../schemas.ts'
import { findOwnJob } from './jobs.ts'

const URL_LIFETIME_S = 60

/** The recording itself, from the store that keeps it. */
export async function audioRoutes(app: App, deps: AppDependencies): Promise<void> {
  const response = { 302: Type.Null({ description: `\`Location\` reads the recording for ${URL_LIFETIME_S} s` }) }
  app.get('/v1/jobs/:job_id/audio', { schema: { params: jobParamsSchema, response } }, async (request, reply) => {
    const job = await findOwnJob(deps, ownerOf(request), request.params.job_id)
    await assertKept(deps, job)
    const { objectKey, filename } = job
    const url = await deps.ports.objects.presignGet(objectKey, { expiresInS: URL_LIFETIME_S, filename })
    return reply.header('cache-control', 'no-store').redirect(url, 302)
  })
}

/** The store is asked too: a URL that leads nowhere tells its reader nothing. */
async function assertKept({ ports }: AppDependencies, job: Job): Promise<void> {
  if (job.purgedAt !== null) throw purged(job)
  if (job.status === 'uploading') throw new AppError('audio-not-ready', 'The recording is still being uploaded')
  // What a client sent straight to S3 is a job's recording only once it was checked, and then it has a hash.
  if (job.sha256 !== null && (await ports.objects.head(job.objectKey)) !== undefined) return
  throw new AppError('object-not-found', 'The recording was not stored, or is no longer kept')
}
