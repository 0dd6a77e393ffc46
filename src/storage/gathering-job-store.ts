/**
 * Gathers single calls into statements for many: services handle one job each, the database sees batches. A call
 * never waits for others to come; it travels with those that are there.
 */
import { createBatcher } from '../domain/batcher.ts'
import { toAppError } from '../domain/errors.ts'
import type { Job } from '../domain/job.ts'
import type { Advanced, JobStore, StatusChange } from '../ports.ts'

const BATCH = { maxSize: 100, maxInFlight: 4, lingerMs: 5 }

/** The same store, whose `find` and single `advance` calls of concurrent callers share statements. */
export function createGatheringJobStore(store: JobStore): JobStore {
  const find = createBatcher<string, Job | undefined>({
    ...BATCH,
    run: async (jobIds) => {
      const rows = new Map((await store.findMany([...new Set(jobIds)])).map((job) => [job.jobId, job]))
      return jobIds.map((jobId) => rows.get(jobId))
    },
  })
  const advance = createBatcher<StatusChange, Advanced>({ ...BATCH, run: (changes) => advanceEach(store, changes) })
  return {
    ...store,
    find,
    advance: async (changes) => {
      const [only, ...others] = changes
      return only !== undefined && others.length === 0 ? [await advance(only)] : store.advance(changes)
    },
  }
}

/** One change that the database refuses must not fail those it happens to travel with: then each goes alone. */
async function advanceEach(store: JobStore, changes: readonly StatusChange[]): Promise<(Advanced | Error)[]> {
  try {
    return await store.advance(changes)
  } catch (error) {
    if (changes.length === 1 || toAppError(error).code === 'database-unavailable') throw error
    return Promise.all(changes.map((change) => advanceAlone(store, change)))
  }
}

async function advanceAlone(store: JobStore, change: StatusChange): Promise<Advanced | Error> {
  try {
    const [advanced] = await store.advance([change])
    return advanced ?? new Error('the store answered nothing')
  } catch (error) {
    return error instanceof Error ? error : new Error(String(error))
  }
}
