/**
 * A request with an idempotency key that a job holds already: the body is read and hashed, never stored, and compared
 * with what that job was made of.
 */
import { isDeepStrictEqual } from 'node:util'
import { AppError } from '../domain/errors.ts'
import type { Job } from '../domain/job.ts'
import type { Ports } from '../ports.ts'
import type { IncomingRecording } from './read-recording.ts'

/** What a request says of its recording, beside the bytes; names of files do not count. */
type CanonicalFields = Pick<Job, 'tokenId' | 'priority' | 'metadata' | 'callbackUrl' | 'notBefore'>

/**
 * Returns the job that holds the key.
 *
 * @throws AppError `idempotency-busy` while that job's own upload goes on, `idempotency-conflict` when this is another
 *   recording or has other fields
 */
export async function replayUpload(
  ports: Pick<Ports, 'metrics'>,
  job: Job,
  upload: CanonicalFields,
  recording: IncomingRecording,
): Promise<Job> {
  if (job.status === 'uploading') {
    const detail = 'A request with this Idempotency-Key is still uploading. Wait for its answer, or try again later.'
    throw new AppError('idempotency-busy', detail)
  }
  for await (const _ of recording.read());
  assertSameFields(job, upload, job.sha256 === recording.totals().sha256 ? [] : ['recording'])
  ports.metrics.count('uploads', { outcome: 'replayed' })
  return job
}

/** Throws `idempotency-conflict` when a field is another one, or anything is known to differ already. */
export function assertSameFields(job: Job, upload: CanonicalFields, known: readonly string[]): void {
  const fields = [...differing(job, upload), ...known]
  if (fields.length > 0) {
    const detail = `Another ${fields.join(', ')} came with this Idempotency-Key before. Send a new key.`
    throw new AppError('idempotency-conflict', detail)
  }
}

function differing(job: Job, upload: CanonicalFields): string[] {
  const names = {
    token_id: job.tokenId === upload.tokenId,
    priority: job.priority === upload.priority,
    metadata: isDeepStrictEqual(job.metadata, upload.metadata),
    callback_url: job.callbackUrl === upload.callbackUrl,
    not_before: job.notBefore?.getTime() === upload.notBefore?.getTime(),
  }
  return Object.entries(names)
    .filter(([, same]) => !same)
    .map(([name]) => name)
}
