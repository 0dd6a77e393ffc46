import { setImmediate } from 'node:timers/promises'
import { toAppError } from '../domain/errors.ts'
import type { Job } from '../domain/job.ts'
import type { EndsOf, Ports } from '../ports.ts'
import { publishAgain } from './publish-job.ts'

export interface Followed {
  /** Jobs whose end somebody waits for. */
  readonly jobIds: readonly string[]
  /** Owners all of whose jobs somebody follows. */
  readonly owners: readonly string[]
}

type RefreshPorts = Pick<Ports, 'jobs' | 'progress' | 'metrics' | 'log'>

const ROWS_AT_ONCE = 200
/** A statement's rows are held until they are published. */
const OWNERS_AT_ONCE = 20
const UNFINISHED_MOST = 500
const ENDED_AT_ONCE = 100
/** So far back no log reaches that was neither written nor read, and so no cursor of it. */
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
      await publishFollowed(ports, jobIds, owners)
      // Last, as these may be many.
      await publishEnded(ports, anew, LONGEST_OUTAGE_S)
      ;[refreshed, refreshedAtMs] = [new Set(owners), beganAtMs]
    } catch (error) {
      ports.metrics.count('publish_failures', { code: toAppError(error).code })
      ports.log.warn({ err: error }, 'followed jobs not refreshed')
    }
  }
}

/** All that there are, a page at a time: an outage may have hidden any number. */
async function publishEnded(ports: RefreshPorts, owners: readonly string[], withinS: number): Promise<void> {
  for (const some of partsOf(owners, OWNERS_AT_ONCE)) {
    for (let lists: EndsOf[] = some.map((owner) => ({ owner })); lists.length > 0; ) {
      const rows = await ports.jobs.findEnded(lists, withinS, ENDED_AT_ONCE)
      await publishInParts(ports, rows)
      lists = restOf(rows)
    }
  }
}

/** A list whose page was short is at its end. */
function restOf(rows: readonly Job[]): EndsOf[] {
  const pages = [...Map.groupBy(rows, ({ owner }) => owner)]
  return pages.flatMap(([owner, page]) => (page.length < ENDED_AT_ONCE ? [] : [{ owner, after: page.at(-1)! }]))
}

async function publishFollowed(
  ports: RefreshPorts,
  jobIds: readonly string[],
  owners: readonly string[],
): Promise<void> {
  const published = new Set<string>()
  for (const some of partsOf(owners, OWNERS_AT_ONCE)) {
    const rows = await ports.jobs.findUnfinished(some, UNFINISHED_MOST)
    for (const { jobId } of rows) published.add(jobId)
    await publishInParts(ports, rows)
  }
  const others = jobIds.filter((jobId) => !published.has(jobId))
  for (const some of partsOf(others, ROWS_AT_ONCE)) await publishInParts(ports, await ports.jobs.findMany(some))
}

async function publishInParts(ports: RefreshPorts, rows: readonly Job[]): Promise<void> {
  for (const some of partsOf(rows, ROWS_AT_ONCE)) {
    await publishAgain(ports, some)
    await setImmediate()
  }
}

function* partsOf<T>(items: readonly T[], size: number): Generator<readonly T[]> {
  for (let i = 0; i < items.length; i += size) yield items.slice(i, i + size)
}
