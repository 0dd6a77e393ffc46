import type { Job } from '../domain/job.ts'
import { checkedRecordingPrefix } from '../domain/object-keys.ts'
import type { Ports } from '../ports.ts'

type DropPorts = Pick<Ports, 'objects' | 'directUploads' | 'uploadFacts'>

const TRIALS = 100

/**
 * Clears away what an upload that ended unstored may have left: its object, and of a direct one also its parts and what
 * broken-off checks wrote. A repeat does no harm. Throws `storage-unavailable`, `database-unavailable`.
 *
 * @param job its row from while it was `uploading`
 */
export async function dropUpload(ports: DropPorts, job: Job): Promise<void> {
  const facts = await ports.uploadFacts.find(job.jobId)
  if (facts === undefined) return ports.objects.delete(job.objectKey)
  if (facts.uploadId !== null) await ports.directUploads.abort(job.objectKey, facts.uploadId)
  await dropArrived(ports, job, undefined)
}

/** Deletes what has arrived of a direct upload and all copies of it, but for the one that was found good. */
export async function dropArrived(
  { objects }: Pick<Ports, 'objects'>,
  job: Job,
  keptKey: string | undefined,
): Promise<void> {
  const trials = await objects.list(checkedRecordingPrefix(job), { limit: TRIALS })
  const keys = [job.objectKey, ...trials.map(({ key }) => key)].filter((key) => key !== keptKey)
  await Promise.all(keys.map((key) => objects.delete(key)))
}

/** What is left undone is garbage, never harm: the row says how the upload ended, and the next sweep clears it away. */
export async function tidily(
  { log }: Pick<Ports, 'log'>,
  { jobId }: Pick<Job, 'jobId'>,
  action: () => Promise<void>,
): Promise<void> {
  try {
    await action()
  } catch (error) {
    log.warn({ jobId, err: error }, 'remains of an upload left')
  }
}
