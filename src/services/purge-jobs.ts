/**
 * Retention: what ended long ago lets its recording, its results and its personal fields go; the row stays as a
 * tombstone. Dead letters go that were resolved as long ago; open ones stay. Invariant 2: the objects go first, then the row is marked; whoever dies in between is repeated by another.
 * From the moment a job is handed out it counts as purged and is not retried, so nothing is taken from an attempt.
 */
import { toAppError } from '../domain/errors.ts'
import type { Job } from '../domain/job.ts'
import type { Ports } from '../ports.ts'
import { deleteObjectsOf } from './delete-objects.ts'

type PurgePorts = Pick<Ports, 'retention' | 'deadLetters' | 'timeline' | 'objects' | 'metrics' | 'log'>

export interface PurgeRules {
  /** 0 keeps everything for ever. */
  readonly retentionDays: number
  /** Jobs of one batch. Default 50. */
  readonly batch?: number
  /** Aborts between two batches. */
  readonly signal?: AbortSignal
}

const DAY_S = 86_400
const LEASE_S = 600
const BATCHES_PER_PASS = 20
const LETTERS_PER_PASS = 1000
const HOPS_PER_BATCH = 5000

/**
 * One pass, of a bounded number of jobs; passes may run on many instances at once. A job whose objects cannot be
 * deleted is left to a later pass. Throws `database-unavailable`.
 */
export async function purgeJobs(ports: PurgePorts, rules: PurgeRules): Promise<void> {
  const { retentionDays, batch = 50, signal } = rules
  if (retentionDays === 0) return
  const letters = await ports.deadLetters.prune({ ageS: retentionDays * DAY_S, limit: LETTERS_PER_PASS })
  if (letters > 0) ports.metrics.count('swept', { kind: 'letter' }, letters)
  for (let done = 0; done < BATCHES_PER_PASS && !signal?.aborted; done += 1) {
    const jobs = await ports.retention.claim({ ageS: retentionDays * DAY_S, leaseS: LEASE_S, limit: batch })
    const emptied = await Promise.all(jobs.map((job) => tryEmpty(ports, job)))
    const jobIds = emptied.flatMap((job) => job?.jobId ?? [])
    if (jobIds.length > 0) ports.metrics.count('swept', { kind: 'purged' }, await ports.retention.finish(jobIds))
    // What is left of its hops: the finish has deleted the others.
    for (const job of emptied) {
      if (job) ports.timeline.note({ jobId: job.jobId, attempt: job.attempt, hop: 'purge', outcome: 'purged' })
    }
    if (jobIds.length < batch) break
  }
  await pruneTimeline(ports, rules)
}

/** Also of jobs that are not purged yet: a hop is as old as it is. */
async function pruneTimeline({ timeline, metrics }: PurgePorts, { retentionDays, signal }: PurgeRules): Promise<void> {
  for (let done = 0; done < BATCHES_PER_PASS && !signal?.aborted; done += 1) {
    const pruned = await timeline.prune({ ageS: retentionDays * DAY_S, limit: HOPS_PER_BATCH })
    if (pruned > 0) metrics.count('swept', { kind: 'hop' }, pruned)
    if (pruned < HOPS_PER_BATCH) return
  }
}

async function tryEmpty(ports: PurgePorts, job: Job): Promise<Job | undefined> {
  try {
    await deleteObjectsOf(ports, job)
    return job
  } catch (error) {
    const { code } = toAppError(error)
    ports.log.warn({ jobId: job.jobId, code, err: error }, 'job left for a later purge')
    return undefined
  }
}
