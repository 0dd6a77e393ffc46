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
import { type Given, prepareForMany, prepareForOne } from './statement.ts'
import type { JobsTable } from './tables.ts'

const KEY_AGE = sql`interval '24 hours'`
/** Each round but the first means that the key changed hands in between. */
const ROUNDS = 10

export async function createJob(db: Database, job: NewJob): Promise<Job> {
  for (let round = 1; round <= ROUNDS; round += 1) {
    const [inserted] = await insertRow(db, job)
    const row = inserted ?? (await findHolder(db, job))
    if (row === undefined) continue
    if (row.owner !== job.owner) throw new Error(`The id ${job.jobId} belongs to another job`)
    return toJob(row)
  }
  throw new Error(`Job ${job.jobId} found its idempotency key taken and free again ${ROUNDS} times`)
}

/**
 * Makes what can be made by one statement, and answers in order: undefined for what was in the way of something, which
 * `createJob` then tells. For jobs without idempotency keys: two statements that take the same two keys in another order
 * would wait for each other.
 */
export async function createJobs(db: Database, jobs: readonly NewJob[]): Promise<(Job | undefined)[]> {
  const rows = new Map((await insertRows(db, jobs)).map((row) => [row.job_id, row]))
  return jobs.map(({ jobId }) => {
    const row = rows.get(jobId)
    return row && toJob(row)
  })
}

const FIELDS: readonly Given<NewJob, keyof JobsTable>[] = [
  ['job_id', 'uuid', ({ jobId }) => jobId],
  ['owner', 'text', ({ owner }) => owner],
  ['token_id', 'text', ({ tokenId }) => tokenId],
  ['status', 'text', () => 'uploading'],
  ['progress', 'smallint', () => progressOnEntering('uploading', 0)],
  ['message', 'text', () => STATUS_MESSAGES.uploading],
  ['route', 'text', ({ route }) => route],
  ['route_reason', 'text', ({ routeReason }) => routeReason],
  ['flag_version', 'integer', ({ flagVersion }) => flagVersion],
  ['filename', 'text', ({ filename }) => filename && fitText(filename, 1024)],
  ['content_type', 'text', ({ contentType }) => fitText(contentType, 255)],
  ['object_key', 'text', ({ objectKey }) => objectKey],
  ['priority', 'text', ({ priority }) => priority],
  ['metadata', 'json', ({ metadata }) => JSON.stringify(metadata)],
  ['callback_url', 'text', ({ callbackUrl }) => callbackUrl],
  ['not_before', 'timestamptz', ({ notBefore }) => notBefore],
  ['traceparent', 'text', ({ traceparent }) => traceparent],
  ['idempotency_key', 'text', ({ idempotencyKey }) => idempotencyKey],
  ['upload_method', 'text', ({ announced }) => announced?.method],
  ['declared_size_bytes', 'bigint', ({ announced }) => announced?.sizeBytes],
  ['declared_sha256', 'text', ({ announced }) => announced?.sha256],
]
const FIELD_NAMES = FIELDS.map(([name]) => name)
const UPLOAD_TIMEOUT: Given<NewJob> = ['upload_timeout_s', 'double precision', ({ uploadTimeoutS }) => uploadTimeoutS]
const DEADLINE = 'now() + make_interval(secs => c.upload_timeout_s)'

/** What the token has at this moment, frozen into the row by the statement that makes it. */
const REFERENCE = `(
  select json_build_object(
    'audioKey', r.audio_key, 'audioSha256', r.audio_sha256, 'textgridKey', r.textgrid_key, 'pitchKey', r.pitch_key)
  from token_references r where r.owner = c.owner and r.token_id = c.token_id)`

const insert = (source: string) => `
  insert into jobs (${FIELD_NAMES.join(', ')}, reference, upload_deadline_at, watched_from)
  select ${FIELD_NAMES.map((name) => `c.${name}`).join(', ')}, ${REFERENCE}, ${DEADLINE}, ${DEADLINE} from ${source}
  on conflict do nothing
  returning ${JOB_COLUMNS.join(', ')}`
/** The new row; none when another is in the way. */
const insertRow = prepareForOne<NewJob, JobRow>([...FIELDS, UPLOAD_TIMEOUT], insert)
const insertRows = prepareForMany<NewJob, JobRow>([...FIELDS, UPLOAD_TIMEOUT], insert)

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
