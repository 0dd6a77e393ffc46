import { createUuidV7 } from '../../src/domain/ids.ts'
import type { JobStatus } from '../../src/domain/job.ts'
import type { JobStore, NewJob, StatusChange } from '../../src/ports.ts'

export interface OpenJobStore {
  readonly store: JobStore
  /** Makes a job older: as if everything about it had happened this much earlier. */
  age(jobId: string, seconds: number): Promise<void>
  close(): Promise<void>
}

export function newJob(fields: Partial<NewJob> = {}): NewJob {
  const jobId = createUuidV7(Date.now())
  return {
    jobId,
    owner: 'acme',
    tokenId: 'greeting-1',
    route: 'queue',
    filename: 'take3.wav',
    contentType: 'audio/wav',
    objectKey: `audio/acme/${jobId}.wav`,
    priority: 'normal',
    metadata: { lesson: 3, tags: ['a', 'b'] },
    callbackUrl: null,
    notBefore: null,
    traceparent: null,
    uploadTimeoutS: 900,
    ...fields,
  }
}

export const ERROR = { code: 'analysis-failed', detail: 'No voice', retryable: true }

/** A change to a status with what the status needs. */
export function changeTo(jobId: string, to: JobStatus, fields: Partial<StatusChange> = {}): StatusChange {
  const error = to === 'failed' ? { error: ERROR } : {}
  const result = to === 'completed' ? { result: { json: '{"version":1}' } } : {}
  return { jobId, attempt: 1, to, ...error, ...result, ...fields }
}

/** What the parts of the suite share: one store, and jobs of their own to look at. */
export interface JobStoreSuite {
  readonly store: () => JobStore
  readonly age: OpenJobStore['age']
  /** A job that has got as far as this. */
  jobIn(status: JobStatus, fields?: Partial<NewJob>): Promise<string>
}
