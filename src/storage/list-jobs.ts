import { sql } from 'kysely'
import type { EndsOf, JobFilter } from '../ports.ts'
import type { Database } from './database.ts'
import { fitText, JOB_COLUMNS, type JobRow } from './job-rows.ts'
import { type Given, prepareForOne } from './statement.ts'

/** An owner's rows, newest first, from a place in the list on: an index in this order is read until the page is full. */
export function listJobRows(db: Database, owner: string, filter: JobFilter): Promise<JobRow[]> {
  const { statuses, tokenId, q, limit, cursor } = filter
  let query = db.selectFrom('jobs').select(JOB_COLUMNS).where('owner', '=', owner)
  if (statuses !== undefined) query = query.where(sql<boolean>`status = any(${[...statuses]}::text[])`)
  if (tokenId !== undefined) query = query.where('token_id', '=', fitText(tokenId, 1000))
  if (q !== undefined) query = query.where(matches(q))
  if (cursor !== undefined) {
    query = query.where(sql<boolean>`(created_at, job_id) < (${cursor.createdAt}::timestamptz, ${cursor.jobId}::uuid)`)
  }
  return query.orderBy('created_at', 'desc').orderBy('job_id', 'desc').limit(limit).execute()
}

const UNFINISHED: readonly Given<Wanted>[] = [
  ['owners', 'text[]', ({ owners }) => owners],
  ['most', 'integer', ({ mostOfEach }) => mostOfEach],
]

/** By `jobs_unfinished_of_owner`, each owner by itself: one with a long backlog takes no room from the others. */
export const findUnfinishedRows = prepareForOne<Wanted, JobRow>(
  UNFINISHED,
  (source) => `
  select ${JOB_COLUMNS.map((column) => `j.${column}`).join(', ')}
  from ${source} cross join unnest(c.owners) as o(owner) cross join lateral (
    select * from jobs where owner = o.owner and finished_at is null
    order by created_at desc, job_id desc limit c.most
  ) as j`,
)

const ENDED: readonly Given<Ended>[] = [
  ['owners', 'text[]', ({ lists }) => lists.map(({ owner }) => owner)],
  ['after_times', 'timestamptz[]', ({ lists }) => lists.map(({ after }) => after?.finishedAt ?? null)],
  ['after_ids', 'uuid[]', ({ lists }) => lists.map(({ after }) => after?.jobId ?? null)],
  ['within_s', 'double precision', ({ withinS }) => withinS],
  ['most', 'integer', ({ mostOfEach }) => mostOfEach],
]

/** By `jobs_ended_of_owner`, whatever the history. Times are kept to the millisecond, so a Date is a place among them. */
export const findEndedRows = prepareForOne<Ended, JobRow>(
  ENDED,
  (source) => `
  select ${JOB_COLUMNS.map((column) => `j.${column}`).join(', ')}
  from ${source} cross join unnest(c.owners, c.after_times, c.after_ids) as o(owner, after_time, after_id)
  cross join lateral (
    select * from jobs where owner = o.owner and finished_at > now() - make_interval(secs => c.within_s)
      and (finished_at, job_id) > (
        coalesce(o.after_time, '-infinity'::timestamptz),
        coalesce(o.after_id, '00000000-0000-0000-0000-000000000000'::uuid)
      )
    order by finished_at, job_id limit c.most
  ) as j
  order by j.finished_at, j.job_id`,
)

interface Ended {
  readonly lists: readonly EndsOf[]
  readonly withinS: number
  readonly mostOfEach: number
}

interface Wanted {
  readonly owners: readonly string[]
  readonly mostOfEach: number
}

function matches(q: string) {
  const text = fitText(q, 4000).replace(/[\\%_]/g, '\\$&')
  return sql<boolean>`(filename ilike ${`%${text}%`} or token_id ilike ${`%${text}%`} or job_id::text ilike ${`${text}%`})`
}
