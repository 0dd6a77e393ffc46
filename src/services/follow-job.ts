/** Following one job until it has ended. */
import type { Cursor, LogPosition } from '../domain/cursor.ts'
import { AppError } from '../domain/errors.ts'
import { isTerminal, type Job } from '../domain/job.ts'
import { type Following, type FollowPorts, follow, type Sink } from './follower.ts'
import { publishJobs } from './publish-job.ts'

/** True when this reader has seen how the job ended: nothing will ever come, and it must not ask again. */
export async function hasSeenTheEnd(ports: FollowPorts, job: Job, cursor: Cursor | undefined): Promise<boolean> {
  if (cursor === undefined || !isTerminal(job.status)) return false
  if (cursor.end?.jobId === job.jobId) return cursor.end.attempt >= job.attempt
  await publishJobs(ports, [job])
  return !(await endsAfter(ports, job, cursor))
}

/** Whether the log tells after a position of the job's end, or cannot tell. */
async function endsAfter({ progress }: FollowPorts, { owner, jobId }: Job, cursor: Cursor): Promise<boolean> {
  for (let position: LogPosition = cursor; ; ) {
    const { head, complete, entries } = await progress.read(owner, position)
    if (!complete || entries.some(({ event }) => event.jobId === jobId && isTerminal(event.status))) return true
    position = entries.at(-1) ?? head
    if (position.seq >= head.seq) return false
  }
}

/** Starts following; throws `progress-unavailable` or `database-unavailable` when it cannot. */
export function followJob(
  ports: FollowPorts,
  { owner, jobId }: Pick<Job, 'owner' | 'jobId'>,
  cursor: Cursor | undefined,
  sink: Sink,
): Promise<Following> {
  const rows = async (): Promise<Job[]> => {
    const row = await ports.jobs.find(jobId)
    if (row === undefined) throw new AppError('job-not-found', `There is no job ${jobId}`)
    return [row]
  }
  return follow(ports, { owner, scope: { jobId }, rows }, cursor, sink)
}
