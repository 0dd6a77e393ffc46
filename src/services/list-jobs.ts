import type { Job } from '../domain/job.ts'
import { formatJobCursor } from '../domain/job-cursor.ts'
import type { JobFilter, Ports } from '../ports.ts'

export interface JobPage {
  readonly jobs: readonly Job[]
  /** Null on the last page. */
  readonly nextCursor: string | null
}

/** A page of the owner's jobs, newest first. Jobs made meanwhile never shift a later page. */
export async function listJobs(ports: Pick<Ports, 'jobs'>, owner: string, filter: JobFilter): Promise<JobPage> {
  const found = await ports.jobs.list(owner, { ...filter, limit: filter.limit + 1 })
  const jobs = found.slice(0, filter.limit)
  const last = found.length > filter.limit ? jobs.at(-1) : undefined
  return { jobs, nextCursor: last === undefined ? null : formatJobCursor(last) }
}
