import { createUuidV7 } from '../../src/domain/ids.ts'
import type { Route } from '../../src/domain/job.ts'
import type { CutoverStore, RouteComparison } from '../../src/ports/cutover.ts'
import type { DeadLetterStore } from '../../src/ports/dead-letters.ts'
import type { JobStore, NewJob } from '../../src/ports.ts'
import { flagChange } from './cutover-store.ts'
import { changeTo, ERROR, newJob } from './job-store-suite.ts'

/** The comparison beside the stores whose tables it reads, all of them empty. */
export interface OpenRouteComparison {
  readonly comparison: RouteComparison
  readonly jobs: JobStore
  readonly cutover: CutoverStore
  readonly deadLetters: DeadLetterStore
  /** As if everything about the job had happened this much earlier. */
  age(jobId: string, seconds: number): Promise<void>
  ageLetter(letterId: string, seconds: number): Promise<void>
  /** As if the version had been set this much earlier. */
  ageVersion(version: number, seconds: number): Promise<void>
  close(): Promise<void>
}

/** What became of a job: `client` failed by the client's doing; what was tried again failed and completed as attempt 2. */
export type Fate =
  | 'completed'
  | 'failed'
  | 'client'
  | 'cancelled'
  | 'retried'
  | 'client-retried'
  | 'uploading'
  | 'stored'
  | 'analysing'

export interface JobOfRoute {
  readonly owner: string
  readonly route: Route
  readonly version: number
  readonly fate: Fate
  /** Seconds since it came to its fate, and before that since its row was made. */
  readonly agoS: number
  readonly tookS?: number
  readonly fields?: Partial<NewJob>
}

type Stores = Pick<OpenRouteComparison, 'jobs' | 'age'>

/** A job that a version's percentage sent its way, which came to its fate so long ago. */
export async function addRoutedJob(stores: Stores, job: JobOfRoute): Promise<string> {
  const { owner, route, version, fate, agoS, tookS = 1, fields = {} } = job
  const jobId = createUuidV7(Math.floor(Date.now() - (agoS + tookS) * 1000))
  const dealt = { routeReason: 'percentage', flagVersion: version } as const
  await stores.jobs.create(newJob({ jobId, owner, route, objectKey: `audio/${owner}/${jobId}`, ...dealt, ...fields }))
  if (fate !== 'uploading') await stores.jobs.advance([changeTo(jobId, 'stored', { sizeBytes: 1000 })])
  if (fate !== 'stored' && fate !== 'uploading') await comeTo(stores, jobId, fate, tookS)
  else await stores.age(jobId, tookS)
  await stores.age(jobId, agoS)
  return jobId
}

async function comeTo({ jobs, age }: Stores, jobId: string, fate: Fate, tookS: number): Promise<void> {
  const move = (...changes: Parameters<typeof changeTo>) => jobs.advance([changeTo(...changes)])
  const clients = { error: { ...ERROR, code: 'recording-undecodable' } }
  if (fate === 'retried' || fate === 'client-retried') {
    await age(jobId, tookS / 2)
    await move(jobId, 'failed', fate === 'retried' ? {} : clients)
    await jobs.restart(jobId, 1)
    await age(jobId, tookS / 2)
    await move(jobId, 'completed', { attempt: 2 })
    return
  }
  await age(jobId, tookS)
  if (fate === 'client') await move(jobId, 'failed', clients)
  else if (fate !== 'uploading') await move(jobId, fate)
}

/** A version of the flag that began so long ago. */
export async function addVersion(
  { cutover, ageVersion }: Pick<OpenRouteComparison, 'cutover' | 'ageVersion'>,
  agoS: number,
): Promise<number> {
  const before = (await cutover.current())?.version ?? 0
  const { version } = await cutover.change(flagChange(), before)
  await ageVersion(version, agoS)
  return version
}
