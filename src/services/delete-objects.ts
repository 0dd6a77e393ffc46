import type { Job } from '../domain/job.ts'
import { resultPrefix } from '../domain/object-keys.ts'
import type { Ports } from '../ports.ts'
import { each } from './each.ts'

const PAGE_SIZE = 500

/** Deletes every object whose key begins so; a repeat deletes what has come since. How many there were. */
export async function deleteUnder({ objects }: Pick<Ports, 'objects'>, prefix: string): Promise<number> {
  let deleted = 0
  for (;;) {
    const found = await objects.list(prefix, { limit: PAGE_SIZE })
    await each(found, ({ key }) => objects.delete(key))
    deleted += found.length
    if (found.length < PAGE_SIZE) return deleted
  }
}

/** Deletes a job's recording and its results, those of earlier attempts too. */
export async function deleteObjectsOf(ports: Pick<Ports, 'objects'>, job: Job): Promise<void> {
  await Promise.all([ports.objects.delete(job.objectKey), deleteUnder(ports, resultPrefix(job.owner, job.jobId))])
}
