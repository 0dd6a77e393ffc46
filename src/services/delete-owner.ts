/**
 * All of an owner's data goes, for good. The request is a row, which ends the owner's keys at once and keeps new rows out;
 * the reconciler does the rest, page by page, and again until nothing is left:
 *
 *   unfinished jobs  → cancelled, so that uploaders, forwarder and analyser stop
 *   jobs             → objects, log and queue entries first, then the rows with results and callbacks
 *   tokens, keys, secrets, limits, the log, and whatever lies under the owner's prefixes
 *   the request      → ended last, when it is old enough that no process knows an ended key any more
 *
 * An upload under way finds its row cancelled or gone, and removes its own object. What an analysis writes after the end
 * is an object without a row, and falls to the sweep.
 */
import { AppError, toAppError } from '../domain/errors.ts'
import { isTerminal, type Job } from '../domain/job.ts'
import { type BegunDeletion, OBJECT_KINDS } from '../ports/upkeep.ts'
import type { Ports } from '../ports.ts'
import { deleteObjectsOf, deleteUnder } from './delete-objects.ts'
import { publishJobs } from './publish-job.ts'

type DeletionPorts = Pick<
  Ports,
  'ownerDeletions' | 'jobs' | 'objects' | 'jobQueue' | 'progress' | 'limits' | 'metrics' | 'log'
>

export interface DeletionRules {
  /** Longer than a process remembers a key, so that nothing comes in after the end. */
  readonly settleS: number
  /** From one pass over an owner to the next, also by another instance. Default 20. */
  readonly retryS?: number
  /** Aborts between two pages of jobs. */
  readonly signal?: AbortSignal
}

const PAGE_SIZE = 50
const AT_ONCE = 5

/**
 * Begins the deletion; a repeat while it runs changes nothing, and one after it finds nothing to delete.
 *
 * @throws AppError `last-admin-key` when nobody would be left to administer, `database-unavailable`
 */
export async function requestOwnerDeletion(
  ports: Pick<Ports, 'ownerDeletions'>,
  owner: string,
): Promise<BegunDeletion> {
  const begun = await ports.ownerDeletions.begin(owner)
  if (begun !== 'last-admin') return begun
  throw new AppError('last-admin-key', 'This owner has the only admin keys. Make one of another owner first.')
}

/** One pass over the deletions that are due. What fails is logged and tried again; only the database away throws. */
export async function deleteOwners(ports: DeletionPorts, rules: DeletionRules): Promise<void> {
  for (const { owner } of await ports.ownerDeletions.claim({ retryS: rules.retryS ?? 20, limit: AT_ONCE })) {
    try {
      await deleteOwner(ports, owner, rules)
    } catch (error) {
      if (toAppError(error).code === 'database-unavailable') throw error
      ports.log.warn({ owner, code: toAppError(error).code, err: error }, 'deletion of an owner left for a later pass')
    }
  }
}

async function deleteOwner(ports: DeletionPorts, owner: string, { settleS, signal }: DeletionRules): Promise<void> {
  for (let more = true; more && !signal?.aborted; ) {
    const jobs = await ports.jobs.list(owner, { limit: PAGE_SIZE })
    if (jobs.length > 0) await deleteJobs(ports, owner, jobs)
    more = jobs.length === PAGE_SIZE
  }
  if (signal?.aborted) return
  await ports.ownerDeletions.removeOthers(owner)
  for (const kind of OBJECT_KINDS) await deleteUnder(ports, `${kind}/${encodeURIComponent(owner)}/`)
  await ports.progress.forget(owner, [])
  await ports.limits.forget(owner)
  if (!(await ports.ownerDeletions.end(owner, settleS))) return
  ports.metrics.count('swept', { kind: 'owner' })
  ports.log.info({ owner }, 'owner deleted')
}

async function deleteJobs(ports: DeletionPorts, owner: string, jobs: readonly Job[]): Promise<void> {
  const unfinished = jobs.filter(({ status }) => !isTerminal(status))
  const cancelled = await ports.jobs.advance(
    unfinished.map(({ jobId, attempt }) => ({ jobId, attempt, to: 'cancelled' })),
  )
  // Whoever follows such a job sees it end.
  await publishJobs(
    ports,
    cancelled.flatMap(({ job }) => job ?? []),
  )
  // Those that ended may still wait there, with their owner's name, until a forwarder looks at them.
  for (const { jobId, attempt } of jobs) await ports.jobQueue.remove(jobId, attempt)
  await Promise.all(jobs.map((job) => deleteObjectsOf(ports, job)))
  const jobIds = jobs.map(({ jobId }) => jobId)
  await ports.progress.forget(owner, jobIds)
  await ports.ownerDeletions.removeJobs(owner, jobIds)
  // Once more: until the rows were gone, somebody may have published from them.
  await ports.progress.forget(owner, jobIds)
}
