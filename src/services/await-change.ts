/** For clients that cannot stream: the same log, one change at a time. */
import { type Cursor, formatCursor } from '../domain/cursor.ts'
import type { Frame } from '../domain/event-reader.ts'
import { isTerminal, type Job } from '../domain/job.ts'
import { followJob } from './follow-job.ts'
import type { Following, FollowPorts } from './follower.ts'
import { publishAgain } from './publish-job.ts'

export interface AwaitedJob {
  /** With the percentage and the sentence of the last event. */
  readonly job: Job
  /** What to ask with next; null while the log is away. */
  readonly cursor: string | null
}

/**
 * Resolves when the job changes after `cursor`, at once when it has already, has ended, or the log no longer knows the
 * cursor; else as it is when `signal` aborts. While the log is away it waits all the same, so that nobody asks without
 * a pause. Throws `job-not-found` or `database-unavailable`.
 */
export async function awaitChange(
  ports: FollowPorts,
  job: Job,
  cursor: Cursor | undefined,
  signal: AbortSignal,
): Promise<AwaitedJob> {
  let following: Following | undefined
  let last: Frame | undefined
  const changed = Promise.withResolvers<void>()
  const sink = {
    send: (frame: Frame) => {
      last = frame
      changed.resolve()
    },
    end: changed.resolve,
  }
  try {
    // A change whose publish was lost is none to the log, and whoever waits is no stream that heartbeats look after.
    await publishAgain(ports, [job])
    const from = cursor ?? (await ports.progress.head(job.owner))
    const now = cursor === undefined ? await reread(ports, job) : job
    following = await followJob(ports, now, from, sink)
    if (isTerminal(now.status)) changed.resolve()
  } catch (error) {
    ports.log.debug({ err: error, jobId: job.jobId }, 'no change of the job can be awaited')
    if (isTerminal(job.status)) changed.resolve()
  }
  await Promise.race([changed.promise, aborted(signal)])
  const place = following?.cursor()
  following?.stop()
  return { job: withNews(await reread(ports, job), last), cursor: place ?? (cursor ? formatCursor(cursor) : null) }
}

async function reread({ jobs }: FollowPorts, job: Job): Promise<Job> {
  return (await jobs.find(job.jobId)) ?? job
}

/** The row knows of statuses only; what came in between is in the event. */
function withNews(job: Job, frame: Frame | undefined): Job {
  if (frame === undefined) return job
  const { status, attempt, progress, message } = JSON.parse(frame.data) as Partial<Job>
  const isOfNow = status === job.status && attempt === job.attempt && (progress ?? 0) >= job.progress
  return isOfNow ? { ...job, progress: progress ?? job.progress, message: message ?? job.message } : job
}

function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve()
  return new Promise((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }))
}
