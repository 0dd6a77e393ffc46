import type { RetentionStore } from '../../src/ports/upkeep.ts'
import type { FakeJobStore } from './fake-job-store.ts'

export interface FakeRetentionStore extends RetentionStore {
  /** The tombstones. */
  readonly purged: ReadonlySet<string>
}

/** Retention in memory, on the rows of the job store's twin. `now` is the database's clock, in Unix milliseconds. */
export function createFakeRetentionStore(
  { rows, results }: Pick<FakeJobStore, 'rows' | 'results'>,
  { now = Date.now, onPurged = () => {} }: { now?: () => number; onPurged?: (jobId: string) => void } = {},
): FakeRetentionStore {
  const purged = new Set<string>()
  return {
    purged,
    claim: async ({ ageS, leaseS, limit }) => {
      const due = [...rows.values()]
        .filter(({ job }) => job.finishedAt !== null && +job.finishedAt <= now() - ageS * 1000)
        .filter(({ job }) => !purged.has(job.jobId) && +(job.purgedAt ?? 0) <= now() - leaseS * 1000)
        .sort((a, b) => +a.job.finishedAt! - +b.job.finishedAt!)
        .slice(0, limit)
      for (const row of due) rows.set(row.job.jobId, { ...row, job: { ...row.job, purgedAt: new Date(now()) } })
      return due.map(({ job }) => rows.get(job.jobId)!.job)
    },
    finish: async (jobIds) => {
      const due = jobIds.flatMap((jobId) => rows.get(jobId) ?? [])
      const begun = due.filter(({ job }) => job.purgedAt !== null && !purged.has(job.jobId))
      for (const row of begun) {
        const { jobId } = row.job
        const without = { filename: null, metadata: {}, callbackUrl: null, traceparent: null, reference: null }
        rows.set(jobId, { ...row, idempotencyKey: null, job: { ...row.job, ...without } })
        for (const id of results.keys()) if (id.startsWith(jobId)) results.delete(id)
        purged.add(jobId)
        onPurged(jobId)
      }
      return begun.length
    },
  }
}
