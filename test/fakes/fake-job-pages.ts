import type { Job } from '../../src/domain/job.ts'
import type { EndsOf, JobFilter } from '../../src/ports.ts'
import type { Row } from './fake-job-rows.ts'

/** An owner's jobs by the rules of the database's list. */
export function pageOf(jobs: readonly Job[], owner: string, filter: JobFilter): Job[] {
  const { statuses, tokenId, q, limit, cursor } = filter
  return jobs
    .filter((job) => job.owner === owner)
    .filter(({ status }) => statuses?.includes(status) ?? true)
    .filter((job) => tokenId === undefined || job.tokenId === tokenId)
    .filter((job) => q === undefined || matches(job, q.toLowerCase()))
    .filter((job) => cursor === undefined || newestFirst(job, cursor) > 0)
    .sort(newestFirst)
    .slice(0, limit)
}

type Ended = Pick<Job, 'finishedAt' | 'jobId'>

/** An owner's jobs that ended since a moment, the first of them first. */
export function endsOf(rows: ReadonlyMap<string, Row>, { owner, after }: EndsOf, sinceMs: number): Job[] {
  return [...rows.values()]
    .map(({ job }) => job)
    .filter((job) => job.owner === owner && +(job.finishedAt ?? 0) > sinceMs)
    .filter((job) => after === undefined || byEnd(job, after) > 0)
    .sort(byEnd)
}

export function byEnd(a: Ended, b: Ended): number {
  return +a.finishedAt! - +b.finishedAt! || (a.jobId < b.jobId ? -1 : a.jobId > b.jobId ? 1 : 0)
}

function matches({ filename, tokenId, jobId }: Job, q: string): boolean {
  return [filename, tokenId].some((text) => text?.toLowerCase().includes(q)) || jobId.startsWith(q)
}

function newestFirst(a: Pick<Job, 'createdAt' | 'jobId'>, b: Pick<Job, 'createdAt' | 'jobId'>): number {
  return b.createdAt.getTime() - a.createdAt.getTime() || (a.jobId < b.jobId ? 1 : a.jobId > b.jobId ? -1 : 0)
}
