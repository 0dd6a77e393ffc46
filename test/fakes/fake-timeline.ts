import type { TimelineEntry, TimelineRow } from '../../src/domain/timeline.ts'
import { MAX_TIMELINE_ROWS, type Timeline } from '../../src/ports/timeline.ts'
import { fitText } from '../../src/storage/job-rows.ts'
import type { FakeJobStore } from './fake-job-store.ts'

export interface FakeTimeline extends Timeline {
  /** Everything that was noted, also of jobs that there are not. */
  readonly noted: readonly TimelineEntry[]
  /** As if the hops of this job had happened so much earlier. */
  age(jobId: string, seconds: number): Promise<void>
  /** What a purge or the end of an owner does. */
  forget(jobId: string): void
}

const isInteger = (value: number) => Number.isInteger(value) && value >= 0 && value < 2 ** 31

/** Timelines in memory, of the jobs of the store's twin. `now` is the database's clock, in Unix milliseconds. */
export function createFakeTimeline(
  { rows: jobs }: Pick<FakeJobStore, 'rows'>,
  { now = Date.now, worker = 'test@here:1' }: { now?: () => number; worker?: string } = {},
): FakeTimeline {
  const noted: TimelineEntry[] = []
  let rows: (TimelineRow & { readonly jobId: string })[] = []
  return {
    noted,
    note(entry) {
      noted.push(entry)
      const { jobId, attempt, hop, outcome, messageId, receiveCount = -1, detail, beganAtMs } = entry
      if (!jobs.has(jobId) || !isInteger(attempt)) return
      const beforeMs = beganAtMs === undefined ? 0 : performance.now() - beganAtMs
      const row = {
        // The clock tells whole milliseconds: what began within the last of them began no earlier than its note before.
        ...{ jobId, at: new Date(Math.ceil(now() - beforeMs)), attempt, hop, outcome, worker },
        messageId: messageId === undefined ? null : fitText(messageId, 128),
        receiveCount: isInteger(receiveCount) ? receiveCount : null,
        detail: detail === undefined ? null : fitText(detail, 200),
      }
      rows.push(row)
    },
    flush: async () => {},
    read: async (jobId) =>
      rows
        .filter((row) => row.jobId === jobId && jobs.has(jobId))
        .map(({ jobId: _, ...row }) => row)
        .sort((a, b) => +a.at - +b.at)
        .slice(-MAX_TIMELINE_ROWS),
    async prune({ ageS, limit }) {
      const old = rows.filter(({ at }) => +at < now() - ageS * 1000).slice(0, limit)
      rows = rows.filter((row) => !old.includes(row))
      return old.length
    },
    async age(jobId, seconds) {
      rows = rows.map((row) => (row.jobId === jobId ? { ...row, at: new Date(+row.at - seconds * 1000) } : row))
    },
    forget(jobId) {
      rows = rows.filter((row) => row.jobId !== jobId)
    },
  }
}
