import { AppError } from '../../domain/errors.ts'
import { tellTimeline } from '../../services/tell-timeline.ts'
import { identityOf } from '../auth.ts'
import type { App, AppDependencies } from '../dependencies.ts'
import { jobParamsSchema } from '../schemas.ts'
import { timelineSchema, toTimelineView } from '../timeline-schemas.ts'

/** What happened to a job: for its owner, and, since they are asked about it, for admins. */
export async function timelineRoutes(app: App, { ports, rules }: AppDependencies): Promise<void> {
  app.get(
    '/v1/jobs/:job_id/timeline',
    { schema: { params: jobParamsSchema, response: { 200: timelineSchema } } },
    async (request) => {
      const { owner, role } = identityOf(request)
      const { job_id: jobId } = request.params
      const job = await ports.jobs.find(jobId.toLowerCase())
      if (job === undefined || (role !== 'admin' && job.owner !== owner)) {
        throw new AppError('job-not-found', `There is no job ${jobId}`)
      }
      return toTimelineView(await tellTimeline(ports, rules, { job, forOperator: role === 'admin' }))
    },
  )
}
