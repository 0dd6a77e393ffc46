import { setImmediate } from 'node:timers/promises'
import { toAppError } from '../domain/errors.ts'
import type { Ports } from '../ports.ts'
import { publishAgain, TOLD_AFTER_S } from './publish-job.ts'

export interface Followed {
  /** Jobs whose end somebody waits for. */
  readonly jobIds: readonly string[]
  /** Owners all of whose jobs somebody follows. */
  readonly owners: readonly string[]
}

type RefreshPorts = Pick<Ports, 'jobs' | 'progress' | 'metrics' | 'log'>

const ROWS_AT_ONCE = 200
const OWNERS_AT_ONCE = 100
const MOST_OF_AN_OWNER = 500
/** So far back no log reaches that was neither written nor read. */
const LONGEST_OUTAGE_S = 3600
/** A row may be seen so much later than its clock says: its transaction took that long. */
const OVERLAP_S = 60

/**
 * Makes the function that publishes the rows that somebody follows; the log drops what it knows. So a kill between a
 * commit and its publish hides an event for one heartbeat at most (invariant 6). In parts, so that live events pass in
 * between. Who follows all jobs of an owner may never have heard of one that ended: those that ended lately are published
 * too, since the last time that it came off, or for as long as a log is sure to be kept where that is the first time.
 */
export function createRefresher(
  ports: RefreshPorts,
  nowMs: () => number = () => performance.now(),
): (followed: Followed) => Promise<void> {
  let refreshed: ReadonlySet<string> = new Set()
  let refreshedAtMs = Number.NEGATIVE_INFINITY

  return async ({ jobIds, owners }) => {
    const beganAtMs = nowMs()
    const sinceS = Math.min(LONGEST_OUTAGE_S, (beganAtMs - refreshedAtMs) / 1000 + OVERLAP_S)
    const { again = [], anew = [] } = Object.groupBy(owners, (owner) => (refreshed.has(owner) ? 'again' : 'anew'))
    try {
      await publishEnded(ports, again, sinceS)
      await publishEnded(ports, anew, TOLD_AFTER_S)
      await publishFollowed(ports, jobIds, owners)
      ;[refreshed, refreshedAtMs] = [new Set(owners), beganAtMs]
    } catch (error) {
      ports.metrics.count('publish_failures', { code: toAppError(error).code })
      ports.log.warn({ err: error }, 'followed jobs not refreshed')
    }
  }
}

async function publishEnded(ports: RefreshPorts, owners: readonly string[], withinS: number): Promise<void> {
  for (const some of partsOf(owners, OWNERS_AT_ONCE)) {
    for (const rows of partsOf(await ports.jobs.findEnded(some, withinS, MOST_OF_AN_OWNER), ROWS_AT_ONCE)) {
      await publishAgain(ports, rows)
      await setImmediate()
    }
  }
}

async function publishFollowed(
  ports: RefreshPorts,
  jobIds: readonly string[],
  owners: readonly string[],
): Promise<void> {
  const known = new Set(jobIds)
  for (const some of partsOf(owners, OWNERS_AT_ONCE)) {
    for (const { jobId } of await ports.jobs.findUnfinished(some, MOST_OF_AN_OWNER)) known.add(jobId)
  }
  for (const some of partsOf([...known], ROWS_AT_ONCE)) {
    await publishAgain(ports, await ports.jobs.findMany(some))
    await setImmediate()
  }
}

function* partsOf<T>(items: readonly T[], size: number): Generator<readonly T[]> {
  for (let i = 0; i < items.length; i += size) yield items.slice(i, i + size)
}
