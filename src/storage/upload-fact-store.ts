import { sql } from 'kysely'
import { isUuid } from '../domain/ids.ts'
import type { UploadFactStore, UploadFacts } from '../ports/direct-uploads.ts'
import type { Database } from './database.ts'

/** What the rows of `jobs` say of direct uploads. */
export function createUploadFactStore(db: Database): UploadFactStore {
  return {
    find: (jobId) => findFacts(db, jobId),
    bind: (jobId, uploadId) => bindUpload(db, jobId, uploadId),
  }
}

async function findFacts(db: Database, jobId: string): Promise<UploadFacts | undefined> {
  if (!isUuid(jobId)) return undefined
  const row = await db
    .selectFrom('jobs')
    .select(['upload_method', 'upload_id', 'declared_size_bytes', 'declared_sha256', 'upload_deadline_at'])
    .select(sql<number>`extract(epoch from upload_deadline_at - now())::double precision`.as('left_s'))
    .where('job_id', '=', jobId)
    .executeTakeFirst()
  if (row === undefined || row.upload_method === null) return undefined
  return {
    method: row.upload_method,
    uploadId: row.upload_id,
    sizeBytes: Number(row.declared_size_bytes),
    sha256: row.declared_sha256,
    expiresAt: row.upload_deadline_at,
    leftS: row.left_s,
  }
}

async function bindUpload(db: Database, jobId: string, uploadId: string): Promise<string | undefined> {
  await db
    .updateTable('jobs')
    .set({ upload_id: uploadId })
    .where('job_id', '=', jobId)
    .where('upload_method', '=', 'parts')
    .where('upload_id', 'is', null)
    .execute()
  return (await findFacts(db, jobId))?.uploadId ?? undefined
}
