/** Following one job until it has ended. */
import type { Cursor, LogPosition } from '../domain/cursor.ts'
import { AppError } from '../domain/errors.ts'
import { isTerminal, type Job } from '../domain/job.ts'
import { toProgressEvent } from '../domain/progress-event.ts'
import type { LogEntry } from '../ports.ts'
import { type Following, type FollowPorts, follow, type Sink } from './follower.ts'

/** Where a reader of one job goes on: at its cursor, at the beginning, or nowhere, as it has seen how the job ended. */
export type Resumed = { readonly from: Cursor | undefined } | 'past-the-end'

/**
 * A cursor of a job that has ended is of use only while the log has the end behind it. The row is published, for an end
 * that nobody told; without a seed, as one the log has forgotten was told long ago, and is news to this reader at most.
 */
export async function resumeAt(ports: FollowPorts, job: Job, cursor: Cursor | undefined): Promise<Resumed> {
  if (cursor === undefined || !isTerminal(job.status)) return { from: cursor }
  if (cursor.end?.jobId === job.jobId && cursor.end.attempt >= job.attempt) return 'past-the-end'
  const [outcome] = await ports.progress.publish([{ event: toProgressEvent(job) }])
  if (await isEndAfter(ports, job, cursor)) return { from: cursor }
  return outcome === 'unknown' ? { from: undefined } : 'past-the-end'
}

/** Whether the log tells after a position how the job's attempt ended, or cannot tell. */
async function isEndAfter({ progress }: FollowPorts, job: Job, cursor: Cursor): Promise<boolean> {
  const isEnd = ({ event }: LogEntry): boolean =>
    event.jobId === job.jobId && event.attempt >= job.attempt && isTerminal(event.status)
  for (let position: LogPosition = cursor; ; ) {
    const { head, complete, entries } = await progress.read(job.owner, position)
    if (!complete || entries.some(isEnd)) return true
    position = entries.at(-1) ?? head
    if (position.seq >= head.seq) return false
  }
}

/**
 * Starts following; throws `progress-unavailable` or `database-unavailable` when it cannot.
 *
 * @param job as its row was just read: the end of an attempt before that one is on the way and not the end
 */
export function followJob(
  ports: FollowPorts,
  { owner, jobId, attempt }: Pick<Job, 'owner' | 'jobId' | 'attempt'>,
  cursor: Cursor | undefined,
  sink: Sink,
): Promise<Following> {
  const rows = async (): Promise<Job[]> => {
    const row = await ports.jobs.find(jobId)
    if (row === undefined) throw new AppError('job-not-found', `There is no job ${jobId}`)
    return [row]
  }
  return follow(ports, { owner, scope: { jobId, attempt }, rows }, cursor, sink)
}
