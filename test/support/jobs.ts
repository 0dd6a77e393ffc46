import type { Job } from '../../src/domain/job.ts'

/** A job row for tests that need one as a value. */
export function makeJob(fields: Partial<Job> = {}): Job {
  const at = new Date('2026-11-21T10:00:00.000Z')
  return {
    jobId: '019aa7de-6f2b-7c3e-9a55-0c2f6a1b2c3d',
    owner: 'acme',
    tokenId: null,
    status: 'uploading',
    attempt: 1,
    progress: 0,
    message: 'Receiving the recording',
    route: 'queue',
    filename: 'take.wav',
    contentType: 'audio/wav',
    objectKey: 'audio/acme/2026/11/21/019aa7de-6f2b-7c3e-9a55-0c2f6a1b2c3d.wav',
    sizeBytes: null,
    sha256: null,
    durationS: null,
    priority: 'normal',
    metadata: {},
    callbackUrl: null,
    notBefore: null,
    traceparent: null,
    createdAt: at,
    updatedAt: at,
    finishedAt: null,
    error: null,
    reference: null,
    routeReason: null,
    flagVersion: null,
    purgedAt: null,
    ...fields,
  }
}
