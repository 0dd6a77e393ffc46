/** What happened to each job, hop by hop: for people. Nothing is ever decided by it. */
import type { TimelineEntry, TimelineRow } from '../domain/timeline.ts'

export interface Timeline {
  /**
   * Notes a hop; it is written down within a moment, together with others. Never throws, never waits: what finds no
   * room (the database away for long) is dropped and counted. What is of no job that there is leaves no row.
   */
  note(entry: TimelineEntry): void
  /** For who notes thousands at once: resolves when what was noted is written, or cannot be now. Never throws. */
  flush(): Promise<void>
  /** The hops of a job, oldest first; of more than 1,000 the newest. Throws `database-unavailable`. */
  read(jobId: string): Promise<TimelineRow[]>
  /** Deletes rows older than this, at most `limit`, and says how many. Throws `database-unavailable`. */
  prune(rules: { readonly ageS: number; readonly limit: number }): Promise<number>
}

/** Most hops of one job that are read. */
export const MAX_TIMELINE_ROWS = 1000
