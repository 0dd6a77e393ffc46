/** Jobs in PostgreSQL. Invariant 1: the row is the truth, and the database's clock decides every deadline. */
import { sql } from 'kysely'
import { isUuid } from '../domain/ids.ts'
import { type Job, UNFINISHED_STATUSES } from '../domain/job.ts'
import type { Advanced, HopCount, JobStore, StatusChange, StoredResult } from '../ports.ts'
import { advanceRows } from './advance-jobs.ts'
import { claimStalled } from './claim-stalled.ts'
import { countUnfinished } from './count-unfinished.ts'
import { createJob } from './create-job.ts'
import type { Database } from './database.ts'
import { JOB_COLUMNS, type JobRow, toJob } from './job-rows.ts'
import { findEndedRows, findUnfinishedRows, listJobRows } from './list-jobs.ts'
import { restartRow } from './restart-job.ts'
import { prepareForValue } from './statement.ts'

export function createJobStore(db: Database): JobStore {
  return {
    create: (job) => createJob(db, job),
    restart: (jobId, attempt) => restart(db, jobId, attempt),
    list: async (owner, filter) => (await listJobRows(db, owner, filter)).map(toJob),
    countInFlight: (limit) => countInFlight(db, limit),
    findUnfinished: async (owners, mostOfEach) => (await findUnfinishedRows(db, { owners, mostOfEach })).map(toJob),
    findEnded: async (lists, withinS, mostOfEach) =>
      (await findEndedRows(db, { lists, withinS, mostOfEach })).map(toJob),
    countUnfinished: (owner, atMost) => countUnfinished(db, owner, atMost),
    find: async (jobId) => (await findJobs(db, [jobId]))[0],
    findMany: (jobIds) => findJobs(db, jobIds),
    advance: (changes) => advanceJobs(db, changes),
    findResult: (jobId) => findResult(db, jobId),
    claimStalled: (rules) => claimStalled(db, rules),
    findOlderThan: (ageS, limit) => findOlderThan(db, ageS, limit),
    countByStatus: () => countByStatus(db),
    check: async () => {
      await sql`select 1`.execute(db)
    },
  }
}

const SELECT_JOBS = `select ${JOB_COLUMNS.join(', ')} from jobs`
const findRow = prepareForValue<string, JobRow>(`${SELECT_JOBS} where job_id = $1::uuid`)
/** The ids behind a `select`, or each execution would be planned anew (statement.ts says why). */
const findRows = prepareForValue<readonly string[], JobRow>(
  `${SELECT_JOBS} join unnest((select $1::uuid[])) as asked(id) on job_id = asked.id`,
)

async function findJobs(db: Database, jobIds: readonly string[]): Promise<Job[]> {
  const [only, ...others] = new Set(jobIds.filter(isUuid))
  if (only === undefined) return []
  const rows = others.length === 0 ? await findRow(db, only) : await findRows(db, [only, ...others])
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
    (
      await findJobs(
        db,
        others.map(({ jobId }) => jobId),
      )
    ).map((job) => [job.jobId, job]),
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

async function restart(db: Database, jobId: string, attempt: number): Promise<Advanced> {
  const row = await restartRow(db, jobId, attempt)
  return { moved: row !== undefined, job: row === undefined ? (await findJobs(db, [jobId]))[0] : toJob(row) }
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
    .where('begun_at', '<=', cutoff)
    .where(sql<boolean>`coalesce(not_before <= ${cutoff}, true)`)
    .orderBy('begun_at')
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

async function countInFlight(db: Database, limit: number): Promise<ReadonlyMap<string, number>> {
  const { rows } = await sql<{ owner: string; count: number }>`
    select owner, count(*)::integer as count from (
      select owner from jobs where finished_at is null and status in ('forwarded', 'analysing') and route = 'queue'
      limit ${limit}
    ) as in_flight group by owner`.execute(db)
  return new Map(rows.map(({ owner, count }) => [owner, count]))
}
