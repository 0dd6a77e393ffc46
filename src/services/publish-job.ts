/**
 * Invariant 6: publish after commit, never before, and again on every repeat. The log is a projection of the rows:
 * when it cannot be reached the row still stands, so publishing never fails its caller; it is counted, and the
 * heartbeat of whoever follows the job catches up from the row.
 */
import { toAppError } from '../domain/errors.ts'
import type { Job } from '../domain/job.ts'
import { type ProgressEvent, toProgressEvent } from '../domain/progress-event.ts'
import type { Ports } from '../ports.ts'

type PublishPorts = Pick<Ports, 'jobs' | 'progress' | 'metrics' | 'log'>

/** Publishes rows' current states; the log drops what it knows. */
export function publishJobs(ports: PublishPorts, jobs: readonly Job[]): Promise<void> {
  return publishEvents(
    ports,
    jobs.map((job) => toProgressEvent(job)),
  )
}

/** Of a job that ended longer ago the log is not told anew: whoever was to know does. */
const TOLD_AFTER_S = 900

/**
 * Publishes rows' current states once more, for whoever may not have been told; throws `progress-unavailable`. What the
 * log has forgotten it is told anew, unless the job ended long ago: that would be news to everybody.
 */
export async function publishAgain({ progress }: Pick<Ports, 'progress'>, jobs: readonly Job[]): Promise<void> {
  const events = jobs.map((job) => toProgressEvent(job))
  const outcomes = await progress.publish(events.map((event) => ({ event })))
  const oldestMs = Date.now() - TOLD_AFTER_S * 1000
  const isForgotten = (_: ProgressEvent, index: number): boolean => {
    const endedAt = jobs[index]?.finishedAt
    return outcomes[index] === 'unknown' && (!endedAt || +endedAt > oldestMs)
  }
  await progress.publish(events.filter(isForgotten).map((event) => ({ event, seed: event })))
}

/** Publishes the first event of a job just made, which the log cannot know yet. */
export async function publishNewJob(ports: PublishPorts, job: Job): Promise<void> {
  const event = toProgressEvent(job)
  await guarded(ports, () => ports.progress.publish([{ event, seed: event }]))
}

/** Publishes a row's current state together with the first one of its job, which the log cannot know yet. */
export async function publishWithFirst(ports: PublishPorts, first: Job, job: Job): Promise<void> {
  await guarded(ports, () => ports.progress.publish([{ event: toProgressEvent(job), seed: toProgressEvent(first) }]))
}

/** Publishes events; one of a job the log does not know is preceded by the row's state, read afresh. */
export async function publishEvents(ports: PublishPorts, events: readonly ProgressEvent[]): Promise<void> {
  if (events.length === 0) return
  await guarded(ports, async () => {
    const outcomes = await ports.progress.publish(events.map((event) => ({ event })))
    const unknown = events.filter((_, index) => outcomes[index] === 'unknown')
    if (unknown.length > 0) await publishSeeded(ports, unknown)
  })
}

async function publishSeeded(ports: PublishPorts, events: readonly ProgressEvent[]): Promise<void> {
  const rows = await ports.jobs.findMany([...new Set(events.map((event) => event.jobId))])
  const seeds = new Map(rows.map((row) => [row.jobId, toProgressEvent(row)]))
  const entries = events.flatMap((event) => {
    const seed = seeds.get(event.jobId)
    return seed === undefined ? [] : [{ event, seed }]
  })
  await ports.progress.publish(entries)
}

async function guarded(ports: PublishPorts, publish: () => Promise<unknown>): Promise<void> {
  try {
    await publish()
  } catch (error) {
    const { code } = toAppError(error)
    ports.metrics.count('publish_failures', { code })
    ports.log.debug({ err: error }, 'progress not published')
  }
}
