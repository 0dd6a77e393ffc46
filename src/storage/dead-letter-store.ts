/** Dead letters in PostgreSQL: kept once by source and message id, resolved once. */
import { type Selectable, type SqlBool, sql } from 'kysely'
import { MAX_LETTER_BYTES } from '../domain/dead-letter.ts'
import { isUuid } from '../domain/ids.ts'
import type {
  DeadLetterStore,
  Letter,
  LetterFilter,
  LetterGroup,
  LetterGroupKey,
  LetterHead,
  LetterPlace,
  LetterResolution,
  NewLetter,
} from '../ports/dead-letters.ts'
import type { Database } from './database.ts'
import { fitText } from './job-rows.ts'
import type { DeadLettersTable } from './tables.ts'

const EXCERPT_CHARACTERS = 200
const HEAD_COLUMNS = [
  'letter_id',
  'source',
  'message_id',
  'job_id',
  'attempt',
  'owner',
  'code',
  'detail',
  'stage',
  'receive_count',
  'first_seen_at',
  'last_seen_at',
  'state',
  'resolved_at',
  'resolved_by',
  'reason',
  'redriven_attempt',
] as const satisfies readonly (keyof DeadLettersTable)[]
type HeadRow = Pick<Selectable<DeadLettersTable>, (typeof HEAD_COLUMNS)[number]> & {
  excerpt: string
  size_bytes: number
}

const excerpt = sql<string>`left(body, ${sql.lit(EXCERPT_CHARACTERS)})`.as('excerpt')
const sizeBytes = sql<number>`octet_length(body)`.as('size_bytes')

export function createDeadLetterStore(db: Database): DeadLetterStore {
  return {
    keep: (letter) => keep(db, letter),
    raise: (letter) => raise(db, letter),
    find: (letterId) => find(db, letterId),
    list: (filter, page) => list(db, filter, page),
    group: (filter, keys) => group(db, filter, keys),
    resolve: (letterId, resolution) => resolve(db, letterId, resolution),
    discard: (filter, { by, reason }) =>
      db
        .updateTable('dead_letters')
        .set(resolved({ state: 'discarded', by, reason, redrivenAttempt: null }))
        .where('state', '=', 'open')
        .where(matches(filter))
        .returning(['letter_id as letterId', 'job_id as jobId', 'attempt', 'stage'])
        .execute(),
    prune: async ({ ageS, limit }) => {
      const due = db
        .selectFrom('dead_letters')
        .select('letter_id')
        .where('resolved_at', '<=', sql<Date>`now() - make_interval(secs => ${ageS}::double precision)`)
        .limit(limit)
      const { numDeletedRows } = await db.deleteFrom('dead_letters').where('letter_id', 'in', due).executeTakeFirst()
      return Number(numDeletedRows)
    },
  }
}

/** The receives that two deliveries of one letter tell may come in any order: the count never falls. */
const raised = (given: number) => ({
  receive_count: sql<number>`greatest(dead_letters.receive_count + 1, ${given}::integer)`,
  last_seen_at: sql<Date>`greatest(now(), dead_letters.last_seen_at)`,
})

async function keep(db: Database, letter: NewLetter): Promise<boolean> {
  const { source, messageId, jobId, attempt, owner, code, stage, receiveCount, settled } = letter
  const resolution: LetterResolution | undefined =
    settled === undefined ? undefined : { state: 'discarded', by: 'tonewire', reason: settled, redrivenAttempt: null }
  const row = await db
    .insertInto('dead_letters')
    .values({
      ...{ source, message_id: messageId, job_id: jobId, attempt, owner, code, stage, receive_count: receiveCount },
      body: fitText(letter.body, MAX_LETTER_BYTES),
      detail: fitText(letter.detail, 2000),
      ...(resolution === undefined ? {} : resolved(resolution)),
    })
    .onConflict((conflict) => conflict.columns(['source', 'message_id']).doUpdateSet(raised(receiveCount)))
    // xmax is 0 of a row that this statement made, and of no row that it changed.
    .returning(sql<boolean>`xmax = 0`.as('is_new'))
    .executeTakeFirstOrThrow()
  return row.is_new
}

async function raise(
  db: Database,
  { source, messageId, receiveCount }: Pick<NewLetter, 'source' | 'messageId' | 'receiveCount'>,
): Promise<boolean> {
  const { numUpdatedRows } = await db
    .updateTable('dead_letters')
    .set(raised(receiveCount))
    .where('source', '=', source)
    .where('message_id', '=', messageId)
    .executeTakeFirst()
  return numUpdatedRows > 0n
}

async function find(db: Database, letterId: string): Promise<Letter | undefined> {
  if (!isUuid(letterId)) return undefined
  const row = await db
    .selectFrom('dead_letters')
    .select([...HEAD_COLUMNS, excerpt, sizeBytes, 'body'])
    .where('letter_id', '=', letterId)
    .executeTakeFirst()
  return row && { ...toHead(row), body: row.body }
}

async function list(
  db: Database,
  filter: LetterFilter,
  { after, limit }: { readonly after?: LetterPlace; readonly limit: number },
): Promise<LetterHead[]> {
  let query = db
    .selectFrom('dead_letters')
    .select([...HEAD_COLUMNS, excerpt, sizeBytes])
    .where(matches(filter))
  if (after !== undefined) {
    const place = sql<SqlBool>`(first_seen_at, letter_id) < (${after.createdAt}::timestamptz, ${after.jobId}::uuid)`
    query = query.where(place)
  }
  const rows = await query.orderBy('first_seen_at', 'desc').orderBy('letter_id', 'desc').limit(limit).execute()
  return rows.map(toHead)
}

async function group(db: Database, filter: LetterFilter, keys: readonly LetterGroupKey[]): Promise<LetterGroup[]> {
  const columns = [...new Set(keys)]
  const { rows } = await sql<LetterGroup>`
    select ${sql.join([
      ...columns.map((key) => sql.ref(key)),
      sql`count(*)::integer as count`,
      sql`min(first_seen_at) as "oldestAt"`,
      sql`max(last_seen_at) as "newestAt"`,
    ])}
    from dead_letters where ${matches(filter)}
    ${columns.length > 0 ? sql`group by ${sql.join(columns.map((key) => sql.ref(key)))}` : sql``}
    having count(*) > 0
    order by count(*) desc, max(last_seen_at) desc`.execute(db)
  return rows.map((row) => ({ ...row, source: row.source ?? null, code: row.code ?? null, stage: row.stage ?? null }))
}

async function resolve(db: Database, letterId: string, resolution: LetterResolution): Promise<boolean> {
  if (!isUuid(letterId)) return false
  const { numUpdatedRows } = await db
    .updateTable('dead_letters')
    .set(resolved(resolution))
    .where('letter_id', '=', letterId)
    .where('state', '=', 'open')
    .executeTakeFirst()
  return numUpdatedRows > 0n
}

const resolved = ({ state, by, reason, redrivenAttempt }: LetterResolution) => ({
  state,
  resolved_at: sql<Date>`now()`,
  resolved_by: fitText(by, 200),
  reason: reason === null ? null : fitText(reason, 2000),
  redriven_attempt: redrivenAttempt,
})

/** An id that is none matches nothing, rather than failing in the database. */
function matches({ letterId, source, code, stage, state, owner, jobId, since }: LetterFilter) {
  const conditions = [
    ...[['letter_id', letterId] as const, ['job_id', jobId] as const].map(([column, id]) =>
      id === undefined ? undefined : isUuid(id) ? sql<SqlBool>`${sql.ref(column)} = ${id}::uuid` : sql<SqlBool>`false`,
    ),
    ...Object.entries({ source, code, stage, state, owner }).map(([column, value]) =>
      value === undefined ? undefined : sql<SqlBool>`${sql.ref(column)} = ${fitText(value, 200)}`,
    ),
    since === undefined ? undefined : sql<SqlBool>`last_seen_at >= ${since}::timestamptz`,
  ].filter((condition) => condition !== undefined)
  return conditions.length === 0 ? sql<SqlBool>`true` : sql<SqlBool>`${sql.join(conditions, sql` and `)}`
}

function toHead(row: HeadRow): LetterHead {
  return {
    letterId: row.letter_id,
    source: row.source,
    messageId: row.message_id,
    jobId: row.job_id,
    attempt: row.attempt,
    owner: row.owner,
    code: row.code,
    detail: row.detail,
    stage: row.stage,
    receiveCount: row.receive_count,
    excerpt: row.excerpt,
    sizeBytes: row.size_bytes,
    firstSeenAt: row.first_seen_at,
    lastSeenAt: row.last_seen_at,
    state: row.state,
    resolvedAt: row.resolved_at,
    resolvedBy: row.resolved_by,
    reason: row.reason,
    redrivenAttempt: row.redriven_attempt,
  }
}
