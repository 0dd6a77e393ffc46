/** The statements on `job_timeline`. */
import { sql } from 'kysely'
import type { TimelineRow } from '../domain/timeline.ts'
import { MAX_TIMELINE_ROWS } from '../ports/timeline.ts'
import type { Database } from './database.ts'
import { type Given, prepareForMany, prepareForValue } from './statement.ts'

export interface NewTimelineRow extends TimelineRow {
  readonly jobId: string
  /** Unique in its process, rising. */
  readonly seq: number
}

const GIVEN: readonly Given<NewTimelineRow>[] = [
  ['job_id', 'uuid', ({ jobId }) => jobId],
  ['at', 'timestamptz', ({ at }) => at.toISOString()],
  ['seq', 'bigint', ({ seq }) => String(seq)],
  ['attempt', 'integer', ({ attempt }) => attempt],
  ['receive_count', 'integer', ({ receiveCount }) => receiveCount],
  ['hop', 'text', ({ hop }) => hop],
  ['outcome', 'text', ({ outcome }) => outcome],
  ['message_id', 'text', ({ messageId }) => messageId],
  ['worker', 'text', ({ worker }) => worker],
  ['detail', 'text', ({ detail }) => detail],
]
const NAMES = GIVEN.map(([name]) => name).join(', ')
const CLOCK = '(extract(epoch from clock_timestamp()) * 1000)::double precision as "serverMs"'

/** Writes rows down but for those of jobs that there are not; a repeat adds none. Answers what the server's clock shows. */
export const insertTimelineRows = prepareForMany<NewTimelineRow, { serverMs: number }>(
  GIVEN,
  (source) => `
  with noted as (
    insert into job_timeline (${NAMES})
    select ${NAMES} from ${source} where exists (select 1 from jobs j where j.job_id = c.job_id)
    on conflict (job_id, at, seq) do nothing
  )
  select ${CLOCK}`,
)

const newestFirst = prepareForValue<string, TimelineRow>(`
  select at, attempt, hop, outcome, message_id as "messageId", receive_count as "receiveCount", worker, detail
  from job_timeline where job_id = $1::uuid order by at desc, seq desc limit ${MAX_TIMELINE_ROWS}`)

export async function readTimelineRows(db: Database, jobId: string): Promise<TimelineRow[]> {
  return (await newestFirst(db, jobId)).reverse()
}

export async function deleteOldTimelineRows(
  db: Database,
  { ageS, limit }: { readonly ageS: number; readonly limit: number },
): Promise<number> {
  const { rows } = await sql<{ count: number }>`
    with gone as (
      delete from job_timeline where ctid = any(array(
        select ctid from job_timeline where at < now() - make_interval(secs => ${ageS}::double precision)
        limit ${limit}::integer))
      returning 1
    )
    select count(*)::integer as count from gone`.execute(db)
  return rows[0]?.count ?? 0
}

export async function readServerClock(db: Database): Promise<number> {
  const { rows } = await sql<{ serverMs: number }>`select ${sql.raw(CLOCK)}`.execute(db)
  const [row] = rows
  if (row === undefined) throw new Error('The database told no time')
  return row.serverMs
}
