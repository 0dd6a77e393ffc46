/** Jobs in PostgreSQL. Invariant 1: the row is the truth, and the database's clock decides every deadline. */
import { sql } from 'kysely'
import { isUuid } from '../domain/ids.ts'
import { type Job, progressOnEntering, STATUS_MESSAGES, UNFINISHED_STATUSES } from '../domain/job.ts'
import type { Advanced, HopCount, JobStore, NewJob, StatusChange, StoredResult } from '../ports.ts'
import { advanceRows } from './advance-jobs.ts'
import { claimStalledRows } from './claim-stalled.ts'
import type { Database } from './database.ts'
import { fitText, JOB_COLUMNS, toJob } from './job-rows.ts'

export function createJobStore(db: Database): JobStore {
  return {
    create: (job) => createJob(db, job),
    find: async (jobId) => (await findJobs(db, [jobId]))[0],
    findMany: (jobIds) => findJobs(db, jobIds),
    advance: (changes) => advanceJobs(db, changes),
    findResult: (jobId) => findResult(db, jobId),
    claimStalled: async (rules) => (await claimStalledRows(db, rules)).map(toJob),
    findOlderThan: (ageS, limit) => findOlderThan(db, ageS, limit),
    countByStatus: () => countByStatus(db),
    check: async () => {
      await sql`select 1`.execute(db)
    },
  }
}

/** A repeat finds the row of the first try: after a lost connection nobody knows whether the insert was committed. */
async function createJob(db: Database, job: NewJob): Promise<Job> {
  const deadline = sql<Date>`now() + make_interval(secs => ${job.uploadTimeoutS}::double precision)`
  const row = await db
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
      reference: referenceOf(job),
      upload_deadline_at: deadline,
      watched_from: deadline,
    })
    .onConflict((conflict) => conflict.column('job_id').doNothing())
    .returning(JOB_COLUMNS)
    .executeTakeFirst()
  if (row !== undefined) return toJob(row)
  const [existing] = await findJobs(db, [job.jobId])
  if (existing?.owner !== job.owner) throw new Error(`The id ${job.jobId} belongs to another job`)
  return existing
}

/** What the token has at this moment, frozen into the row by the statement that makes it. */
function referenceOf({ owner, tokenId }: NewJob) {
  return sql<string>`(
    select json_build_object(
      'audioKey', audio_key, 'audioSha256', audio_sha256, 'textgridKey', textgrid_key, 'pitchKey', pitch_key)
    from token_references where owner = ${owner} and token_id = ${tokenId}::text
  )`
}

async function findJobs(db: Database, jobIds: readonly string[]): Promise<Job[]> {
  const ids = jobIds.filter(isUuid)
  if (ids.length === 0) return []
  const rows = await db
    .selectFrom('jobs')
    .select(JOB_COLUMNS)
    .where(sql<boolean>`job_id = any(${ids}::uuid[])`)
    .execute()
  return rows.map(toJob)
}

/** Several changes of one job go into rounds, so that each round has a job once and their order is kept. */
async function advanceJobs(db: Database, changes: readonly StatusChange[]): Promise<Advanced[]> {
  for (const change of changes) assertConsistent(change)
  const moved = new Map<StatusChange, Job>()
  for (const round of toRounds(changes)) {
    const byId = new Map(round.map((change) => [change.jobId, change]))
    for (const row of await advanceRows(db, round)) moved.set(byId.get(row.job_id)!, toJob(row))
  }
  const others = changes.filter((change) => !moved.has(change))
  const current = new Map(
    (await findJobs(db, [...new Set(others.map(({ jobId }) => jobId))])).map((job) => [job.jobId, job]),
  )
  return changes.map((change) => ({ moved: moved.has(change), job: moved.get(change) ?? current.get(change.jobId) }))
}

function toRounds(changes: readonly StatusChange[]): StatusChange[][] {
  const rounds: StatusChange[][] = []
  const seen = new Map<string, number>()
  for (const change of changes) {
    const index = seen.get(change.jobId) ?? 0
    seen.set(change.jobId, index + 1)
    const round = rounds[index] ?? []
    rounds[index] = round
    round.push(change)
  }
  return rounds
}

/** A mistake in one change must not fail the statement of all the others half-way: it is refused before. */
function assertConsistent({ jobId, to, error, result }: StatusChange): void {
  if ((to === 'failed') !== (error !== undefined)) throw new TypeError(`Job ${jobId}: exactly 'failed' has an error`)
  if (result !== undefined && to !== 'completed') throw new TypeError(`Job ${jobId}: only 'completed' has a result`)
}

async function findResult(db: Database, jobId: string): Promise<StoredResult | undefined> {
  if (!isUuid(jobId)) return undefined
  const row = await db
    .selectFrom('jobs as j')
    .innerJoin('job_results as r', (join) =>
      join.onRef('r.job_id', '=', 'j.job_id').onRef('r.attempt', '=', 'j.attempt'),
    )
    .select([sql<string | null>`r.result::text`.as('json'), 'r.object_key'])
    .where('j.job_id', '=', jobId)
    .where('j.status', '=', 'completed')
    .executeTakeFirst()
  if (row === undefined) return undefined
  if (row.json !== null) return { json: row.json }
  return row.object_key === null ? undefined : { objectKey: row.object_key }
}

async function findOlderThan(db: Database, ageS: number, limit: number): Promise<Job[]> {
  const cutoff = sql<Date>`now() - make_interval(secs => ${ageS}::double precision)`
  const rows = await db
    .selectFrom('jobs')
    .select(JOB_COLUMNS)
    .where('finished_at', 'is', null)
    .where('created_at', '<=', cutoff)
    .where(sql<boolean>`coalesce(not_before <= ${cutoff}, true)`)
    .orderBy('created_at')
    .limit(limit)
    .execute()
  return rows.map(toJob)
}

/** The unfinished statuses only: finished rows are as many as the history is long, and wait for nothing. */
async function countByStatus(db: Database): Promise<HopCount[]> {
  const rows = await db
    .selectFrom('jobs')
    .select(['status', sql<number>`count(*)::integer`.as('count')])
    .select(sql<number>`extract(epoch from now() - min(stage_at))::double precision`.as('oldest_age_s'))
    .where('finished_at', 'is', null)
    .groupBy('status')
    .execute()
  return UNFINISHED_STATUSES.map((status) => {
    const row = rows.find((candidate) => candidate.status === status)
    return { status, count: row?.count ?? 0, oldestAgeS: row === undefined ? null : Math.max(0, row.oldest_age_s) }
  })
}
