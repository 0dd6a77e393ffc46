/** Following an owner's jobs: all that there are and will be, or those named. */
import type { Cursor } from '../domain/cursor.ts'
import type { Job } from '../domain/job.ts'
import { type Following, type FollowPorts, follow, type Sink } from './follower.ts'

/** What a reader without a cursor begins with: the newest unfinished jobs, up to so many, and those named. */
export const SNAPSHOTS_MOST = 500

/**
 * Starts following; throws `progress-unavailable` or `database-unavailable` when it cannot.
 *
 * @param jobIds only these, in lower case, and whatever their status; undefined: any of the owner's
 */
export function followOwner(
  ports: FollowPorts,
  owner: string,
  jobIds: ReadonlySet<string> | undefined,
  cursor: Cursor | undefined,
  sink: Sink,
): Promise<Following> {
  const rows = async (open: readonly string[]): Promise<Job[]> => {
    const named = ports.jobs.findMany([...new Set([...(jobIds ?? []), ...open])])
    const unfinished = jobIds === undefined ? ports.jobs.findUnfinished([owner], SNAPSHOTS_MOST) : []
    const all = [...(await unfinished), ...(await named)].filter((job) => job.owner === owner)
    return [...new Map(all.map((job) => [job.jobId, job])).values()].sort(byAge)
  }
  return follow(ports, { owner, scope: { jobIds }, rows }, cursor, sink)
}

/** Ids are made in the order of time (UUID version 7). */
function byAge(a: Job, b: Job): number {
  return +a.createdAt - +b.createdAt || (a.jobId < b.jobId ? -1 : 1)
}
