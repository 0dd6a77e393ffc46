import type { Job } from '../domain/job.ts'
import type { NewJob, Ports } from '../ports.ts'

/**
 * Makes the row of a new job, and with it decides its route, which never changes again. A repeat with an idempotency key
 * answers with the row that is there, on the route of then. Throws `database-unavailable`.
 */
export async function createRoutedJob(
  ports: Pick<Ports, 'jobs' | 'router' | 'metrics'>,
  job: Omit<NewJob, 'route' | 'routeReason' | 'flagVersion'>,
): Promise<Job> {
  const { route, reason, flagVersion } = await ports.router.decide(job.owner)
  const made = await ports.jobs.create({ ...job, route, routeReason: reason, flagVersion })
  if (made.jobId === job.jobId) ports.metrics.count('routes', { route, reason })
  return made
}
