import { cancelJob } from '../../services/cancel-job.ts'
import { currentCursor } from '../../services/current-cursor.ts'
import { listJobs } from '../../services/list-jobs.ts'
import { retryJob } from '../../services/retry-job.ts'
import { ownerOf } from '../auth.ts'
import type { App, AppDependencies } from '../dependencies.ts'
import { jobPageQuerySchema, jobPageSchema, parseJobFilter } from '../job-operations-schemas.ts'
import { toJobView } from '../job-view.ts'
import { jobParamsSchema, jobSchema } from '../schemas.ts'
import { findOwnJob } from './jobs.ts'

/** What an owner does with jobs that are there: list, cancel, retry. */
export async function jobOperationRoutes(app: App, deps: AppDependencies): Promise<void> {
  const { ports } = deps
  const params = jobParamsSchema

  const listSchema = { querystring: jobPageQuerySchema, response: { 200: jobPageSchema } }
  app.get('/v1/jobs', { schema: listSchema }, async (request) => {
    const owner = ownerOf(request)
    // Read before the rows, so that whoever follows from here misses nothing.
    const cursor = await currentCursor(deps.ports, owner)
    const { jobs, nextCursor } = await listJobs(ports, owner, parseJobFilter(request.query))
    return { items: jobs.map((job) => toJobView(job, cursor)), next_cursor: nextCursor }
  })

  app.post('/v1/jobs/:job_id/cancel', { schema: { params, response: { 200: jobSchema } } }, async (request) => {
    const owner = ownerOf(request)
    const cursor = await currentCursor(deps.ports, owner)
    return toJobView(await cancelJob(ports, await findOwnJob(deps, owner, request.params.job_id)), cursor)
  })

  app.post('/v1/jobs/:job_id/retry', { schema: { params, response: { 202: jobSchema } } }, async (request, reply) => {
    const owner = ownerOf(request)
    const cursor = await currentCursor(deps.ports, owner)
    const job = await retryJob(ports, await findOwnJob(deps, owner, request.params.job_id))
    return reply.code(202).send(toJobView(job, cursor))
  })
}
