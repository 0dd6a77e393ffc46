import { setImmediate } from 'node:timers/promises'
import { toAppError } from '../domain/errors.ts'
import type { Ports } from '../ports.ts'
import { publishJobs } from './publish-job.ts'

export interface Followed {
  /** Jobs whose end somebody waits for. */
  readonly jobIds: readonly string[]
  /** Owners all of whose jobs somebody follows. */
  readonly owners: readonly string[]
}

const ROWS_AT_ONCE = 200
const OWNERS_AT_ONCE = 100
const MOST_OF_AN_OWNER = 500

/**
 * Publishes the rows that somebody follows; the log drops what it knows. So a kill between a commit and its publish
 * hides an event for one heartbeat at most (invariant 6). In parts, so that live events pass in between.
 */
export async function refreshJobs(
  ports: Pick<Ports, 'jobs' | 'progress' | 'metrics' | 'log'>,
  { jobIds, owners }: Followed,
): Promise<void> {
  try {
    const known = new Set(jobIds)
    for (const some of partsOf(owners, OWNERS_AT_ONCE)) {
      for (const { jobId } of await ports.jobs.findUnfinished(some, MOST_OF_AN_OWNER)) known.add(jobId)
    }
    for (const some of partsOf([...known], ROWS_AT_ONCE)) {
      await publishJobs(ports, await ports.jobs.findMany(some))
      await setImmediate()
    }
  } catch (error) {
    ports.metrics.count('publish_failures', { code: toAppError(error).code })
    ports.log.warn({ err: error }, 'followed jobs not refreshed')
  }
}

function* partsOf<T>(items: readonly T[], size: number): Generator<readonly T[]> {
  for (let i = 0; i < items.length; i += size) yield items.slice(i, i + size)
}
