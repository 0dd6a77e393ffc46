import { toAppError } from '../domain/errors.ts'
import type { Ports } from '../ports.ts'
import { publishJobs } from './publish-job.ts'

/**
 * Publishes the rows of jobs that somebody follows, in one query; the log drops what it knows. So a kill between a
 * commit and its publish hides an event for one heartbeat at most (invariant 6).
 */
export async function refreshJobs(
  ports: Pick<Ports, 'jobs' | 'progress' | 'metrics' | 'log'>,
  jobIds: readonly string[],
): Promise<void> {
  try {
    await publishJobs(ports, await ports.jobs.findMany(jobIds))
  } catch (error) {
    ports.metrics.count('publish_failures', { code: toAppError(error).code })
    ports.log.warn({ err: error }, 'followed jobs not refreshed')
  }
}
