import { createUuidV7 } from '../../src/domain/ids.ts'
import type { JobStatus } from '../../src/domain/job.ts'
import { recordingKey } from '../../src/domain/object-keys.ts'
import type { OwnerDeletionStore, RetentionStore, SweepStore } from '../../src/ports/upkeep.ts'
import type { JobStore, KeyStore, TokenStore } from '../../src/ports.ts'
import { changeTo, newJob } from './job-store-suite.ts'

/** The stores of upkeep beside those that look at the same tables. */
export interface UpkeepStores {
  readonly sweeps: SweepStore
  readonly retention: RetentionStore
  readonly ownerDeletions: OwnerDeletionStore
  readonly jobs: JobStore
  readonly tokens: TokenStore
  readonly keys: KeyStore
  /** As if everything about the job had happened this much earlier. */
  age(jobId: string, seconds: number): Promise<void>
}

/** A job that went through these statuses, with the key of a recording as the API gives it. */
export async function jobIn(stores: UpkeepStores, statuses: readonly JobStatus[], owner = 'acme') {
  const jobId = createUuidV7(Date.now())
  const objectKey = recordingKey(owner, jobId, '.wav', new Date())
  await stores.jobs.create(newJob({ jobId, owner, objectKey }))
  for (const to of statuses) {
    await stores.jobs.advance([changeTo(jobId, to, to === 'stored' ? { sha256: 'a'.repeat(64), sizeBytes: 1 } : {})])
  }
  return { jobId, objectKey }
}
