/**
 * A job's row is made once, whatever repeats: the id catches a repeat of the same call, the unique index on
 * `(owner, idempotency_key)` catches the client's.
 *
 *   inserted                                   → the new row
 *   id is there                                → that row: after a lost connection nobody knows what was committed
 *   key is held by a job younger than 24 h     → that job's row
 *   key is held by an older job, or by none now → let go, and tried again
 */
import { sql } from 'kysely'
import { type Job, progressOnEntering, STATUS_MESSAGES } from '../domain/job.ts'
import type { NewJob } from '../ports.ts'
import type { Database } from './database.ts'
import { fitText, JOB_COLUMNS, type JobRow, toJob } from './job-rows.ts'

const KEY_AGE = sql`interval '24 hours'`
/** Each round but the first means that the key changed hands in between. */
const ROUNDS = 10

export async function createJob(db: Database, job: NewJob): Promise<Job> {
  for (let round = 1; round <= ROUNDS; round += 1) {
    const row = (await insertJob(db, job)) ?? (await findHolder(db, job))
    if (row === undefined) continue
    if (row.owner !== job.owner) throw new Error(`The id ${job.jobId} belongs to another job`)
    return toJob(row)
  }
  throw new Error(`Job ${job.jobId} found its idempotency key taken and free again ${ROUNDS} times`)
}

function insertJob(db: Database, job: NewJob): Promise<JobRow | undefined> {
  const deadline = sql<Date>`now() + make_interval(secs => ${job.uploadTimeoutS}::double precision)`
  return db
    .insertInto('jobs')
    .values({
      job_id: job.jobId,
      owner: job.owner,
      token_id: job.tokenId,
      status: 'uploading',
      progress: progressOnEntering('uploading', 0),
      message: STATUS_MESSAGES.uploading,
      route: job.route,
      filename: job.filename === null ? null : fitText(job.filename, 1024),
      content_type: fitText(job.contentType, 255),
      object_key: job.objectKey,
      priority: job.priority,
      metadata: JSON.stringify(job.metadata),
      callback_url: job.callbackUrl,
      not_before: job.notBefore,
      traceparent: job.traceparent,
      idempotency_key: job.idempotencyKey ?? null,
      upload_method: job.announced?.method ?? null,
      declared_size_bytes: job.announced?.sizeBytes ?? null,
      declared_sha256: job.announced?.sha256 ?? null,
      reference: referenceOf(job),
      upload_deadline_at: deadline,
      watched_from: deadline,
    })
    .onConflict((conflict) => conflict.doNothing())
    .returning(JOB_COLUMNS)
    .executeTakeFirst()
}

/** The row in the way; undefined when there is none any more, or when it held the key for too long and lets it go. */
async function findHolder(db: Database, { jobId, owner, idempotencyKey = null }: NewJob): Promise<JobRow | undefined> {
  const rows = await db
    .selectFrom('jobs')
    .select(JOB_COLUMNS)
    .select(sql<boolean>`created_at <= now() - ${KEY_AGE}`.as('expired'))
    .where((where) =>
      where.or([
        where('job_id', '=', jobId),
        where.and([where('owner', '=', owner), where('idempotency_key', '=', idempotencyKey)]),
      ]),
    )
    .execute()
  const same = rows.find((row) => row.job_id === jobId)
  const [holder] = rows
  if (same !== undefined || holder === undefined || !holder.expired) return same ?? holder
  await db
    .updateTable('jobs')
    .set({ idempotency_key: null })
    .where('job_id', '=', holder.job_id)
    .where('idempotency_key', '=', idempotencyKey)
    .execute()
  return undefined
}

/** What the token has at this moment, frozen into the row by the statement that makes it. */
function referenceOf({ owner, tokenId }: NewJob) {
  return sql<string>`(
    select json_build_object(
      'audioKey', audio_key, 'audioSha256', audio_sha256, 'textgridKey', textgrid_key, 'pitchKey', pitch_key)
    from token_references where owner = ${owner} and token_id = ${tokenId}::text
  )`
}
