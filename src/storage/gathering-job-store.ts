/**
 * Gathers single calls into statements for many: services handle one job each, the database sees batches. A call
 * waits for others only under traffic, for a few milliseconds.
 */
import { createBatcher } from '../domain/batcher.ts'
import { toAppError } from '../domain/errors.ts'
import type { Job } from '../domain/job.ts'
import type { Advanced, JobStore, NewJob, StatusChange } from '../ports.ts'

const BATCH = { maxSize: 100, maxInFlight: 4, lingerMs: 20, enough: 3 }

/** Makes jobs of different ids and without keys, in order; undefined for what has to be made alone. */
type CreateMany = (jobs: readonly NewJob[]) => Promise<(Job | undefined)[]>

/** The same store, whose `create`, `find`, `findUnfinished` and single `advance` calls of concurrent callers share statements. */
export function createGatheringJobStore(store: JobStore, createMany: CreateMany): JobStore {
  // An upload waits for its row before its bytes are read.
  const create = createBatcher<NewJob, Job>({
    ...BATCH,
    lingerMs: 0,
    run: (jobs) => createEach(store, createMany, jobs),
  })
  const find = createBatcher<string, Job | undefined>({
    ...BATCH,
    run: async (jobIds) => {
      const rows = new Map((await store.findMany([...new Set(jobIds)])).map((job) => [job.jobId, job]))
      return jobIds.map((jobId) => rows.get(jobId))
    },
  })
  // A thousand browsers that come back at once ask each for their owner.
  const findUnfinished = createBatcher<Wanted, Job[]>({
    ...BATCH,
    lingerMs: 0,
    run: async (all) => {
      const most = Math.max(...all.map(({ mostOfEach }) => mostOfEach))
      const rows = await store.findUnfinished([...new Set(all.map(({ owner }) => owner))], most)
      const byOwner = Map.groupBy(rows, ({ owner }) => owner)
      return all.map(({ owner, mostOfEach }) => newest(byOwner.get(owner) ?? [], mostOfEach))
    },
  })
  const advance = createBatcher<StatusChange, Advanced>({ ...BATCH, run: (changes) => advanceEach(store, changes) })
  return {
    ...store,
    create: (job) => (job.idempotencyKey ? store.create(job) : create(job)),
    find,
    findUnfinished: ([owner, ...others], mostOfEach) =>
      owner === undefined || others.length > 0
        ? store.findUnfinished(owner === undefined ? [] : [owner, ...others], mostOfEach)
        : findUnfinished({ owner, mostOfEach }),
    advance: async (changes) => {
      const [only, ...others] = changes
      return only !== undefined && others.length === 0 ? [await advance(only)] : store.advance(changes)
    },
  }
}

interface Wanted {
  readonly owner: string
  readonly mostOfEach: number
}

function newest(jobs: Job[], most: number): Job[] {
  if (jobs.length <= most) return jobs
  const inOrder = jobs.toSorted((a, b) => +b.createdAt - +a.createdAt || (a.jobId < b.jobId ? 1 : -1))
  return inOrder.slice(0, most)
}

/** One change that the database refuses must not fail those it happens to travel with: then each goes alone. */
async function advanceEach(store: JobStore, changes: readonly StatusChange[]): Promise<(Advanced | Error)[]> {
  try {
    return await store.advance(changes)
  } catch (error) {
    if (changes.length === 1) throw error
    throwIfAway(error)
    return alone(changes, async (change) => {
      const [advanced] = await store.advance([change])
      return advanced ?? new Error('the store answered nothing')
    })
  }
}

async function createEach(
  store: JobStore,
  createMany: CreateMany,
  jobs: readonly NewJob[],
): Promise<readonly (Job | Error)[]> {
  const [only, ...others] = jobs
  if (only !== undefined && others.length === 0) return [await store.create(only)]
  const made = await createMany(jobs).catch((error: unknown) => {
    throwIfAway(error)
    return []
  })
  return alone(jobs, (job, index) => made[index] ?? store.create(job))
}

function throwIfAway(error: unknown): void {
  if (toAppError(error).code === 'database-unavailable') throw error
}

/** Each by itself, and each with its own failure. */
function alone<T, R>(items: readonly T[], act: (item: T, index: number) => R | Promise<R>): Promise<(R | Error)[]> {
  return Promise.all(
    items.map(async (item, index) => {
      try {
        return await act(item, index)
      } catch (error) {
        return error instanceof Error ? error : new Error(String(error))
      }
    }),
  )
}
