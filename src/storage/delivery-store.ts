/**
 * Callbacks in PostgreSQL. `advance-jobs.ts` makes the rows; the database's clock decides when each is due.
 *
 *   lease                the send under way; it counts against its owner's share until its outcome comes or it runs out
 *   lease, and 0 tries   replayed meanwhile: it still counts, its outcome does not, and then the row is due again
 */
import { type Kysely, type Selectable, sql } from 'kysely'
import { isUuid } from '../domain/ids.ts'
import type { Job } from '../domain/job.ts'
import type {
  ClaimedDelivery,
  ClaimRules,
  Delivery,
  DeliveryOutcome,
  DeliveryStatus,
  DeliveryStore,
} from '../ports/deliveries.ts'
import type { Database } from './database.ts'
import { fitText, type JobRow, toJob } from './job-rows.ts'
import type { CallbackDeliveriesTable, Tables } from './tables.ts'

type Row = Selectable<CallbackDeliveriesTable>

const COLUMNS = [
  'delivery_id',
  'owner',
  'job_id',
  'attempt',
  'event',
  'url',
  'status',
  'tries',
  'next_try_at',
  'last_status',
  'last_error',
  'created_at',
  'delivered_at',
] as const satisfies readonly (keyof Row)[]
const LIST_LIMIT = 100

export function createDeliveryStore(db: Database): DeliveryStore {
  return {
    claim: (rules) => claim(db, rules),
    record: (claimed, outcome) => record(db, claimed, outcome),
    list: async (owner, jobId) => {
      if (!isUuid(jobId)) return []
      const rows = await db
        .selectFrom('callback_deliveries')
        .select(COLUMNS)
        .where('owner', '=', owner)
        .where('job_id', '=', jobId)
        .orderBy('created_at', 'desc')
        .orderBy('attempt', 'desc')
        .limit(LIST_LIMIT)
        .execute()
      return rows.map(toDelivery)
    },
    replay: (owner, jobId, deliveryId) => replay(db, owner, jobId, deliveryId),
    oldestPendingAgeS: () => oldestPendingAgeS(db),
  }
}

/**
 * One at a time, on all instances together: of two at once neither would count what the other takes. The lock ends with
 * the transaction; a process that dies in it loses it with its connection.
 */
function claim(db: Database, rules: ClaimRules): Promise<ClaimedDelivery[]> {
  return db.transaction().execute(async (trx) => {
    // A statement of its own: what is counted is what is seen when the next one begins.
    await sql`select pg_advisory_xact_lock(hashtextextended('tonewire callbacks', 0))`.execute(trx)
    return claimDue(trx, rules)
  })
}

/**
 * Owner by owner (a skip scan of the index), so that neither what one owner has piled up nor what he has under way is
 * in the way of the others. Rows that are being recorded or replayed at this moment are passed over.
 */
async function claimDue(db: Kysely<Tables>, { limit, perOwner, leaseS }: ClaimRules): Promise<ClaimedDelivery[]> {
  const leaseEnd = sql`now() + make_interval(secs => ${leaseS}::double precision)`
  const { rows } = await sql<Row & { lease: string }>`
    with recursive waiting (owner) as (
      (select owner from callback_deliveries where status = 'pending' order by owner limit 1)
      union all
      select (select d.owner from callback_deliveries d where d.status = 'pending' and d.owner > w.owner
        order by d.owner limit 1)
      from waiting w where w.owner is not null
    ), due as materialized (
      select d.delivery_id, d.next_try_at from waiting w cross join lateral (
        select p.delivery_id, p.next_try_at from callback_deliveries p
        where p.owner = w.owner and p.status = 'pending' and p.next_try_at <= now()
        order by p.next_try_at
        limit greatest(0, ${perOwner}::integer - (
          select count(*) from callback_deliveries b
          where b.owner = w.owner and b.lease is not null and b.leased_until > now()))
        for update skip locked
      ) d
      order by d.next_try_at
      limit ${limit}::integer
    )
    update callback_deliveries c set
      tries = c.tries + 1, lease = gen_random_uuid(), leased_until = ${leaseEnd}, next_try_at = ${leaseEnd}
    from due where c.delivery_id = due.delivery_id
    returning ${sql.join([...COLUMNS, 'lease', 'job'].map((column) => sql.ref(`c.${column}`)))}
  `.execute(db)
  return rows.map((row) => ({ ...toDelivery(row), lease: row.lease, job: toSnapshot(row.job) }))
}

async function record(
  db: Database,
  { deliveryId, lease }: Pick<ClaimedDelivery, 'deliveryId' | 'lease'>,
  outcome: DeliveryOutcome,
): Promise<DeliveryStatus | undefined> {
  const over = { lease: null, leased_until: null }
  const leased = db.updateTable('callback_deliveries').where('delivery_id', '=', deliveryId).where('lease', '=', lease)
  const row = await leased
    .set({ ...over, ...changesOf(outcome) })
    .where('tries', '>', 0)
    .returning('status')
    .executeTakeFirst()
  if (row !== undefined) return row.status
  await leased
    .set({ ...over, next_try_at: sql`now()` })
    .where('tries', '=', 0)
    .execute()
  return undefined
}

async function replay(db: Database, owner: string, jobId: string, deliveryId: string): Promise<Delivery | undefined> {
  if (!isUuid(jobId) || !isUuid(deliveryId)) return undefined
  const isUnderWay = sql`leased_until > now()`
  const row = await db
    .updateTable('callback_deliveries')
    .set({
      status: 'pending',
      tries: 0,
      next_try_at: sql`case when ${isUnderWay} then leased_until else now() end`,
      give_up_at: sql`now() + interval '1 day'`,
      lease: sql`case when ${isUnderWay} then lease end`,
      leased_until: sql`case when ${isUnderWay} then leased_until end`,
      delivered_at: null,
    })
    .where('owner', '=', owner)
    .where('job_id', '=', jobId)
    .where('delivery_id', '=', deliveryId)
    .returning(COLUMNS)
    .executeTakeFirst()
  return row && toDelivery(row)
}

function changesOf(outcome: DeliveryOutcome) {
  if (outcome.kind === 'delivered') {
    return {
      status: 'delivered',
      last_status: outcome.lastStatus,
      last_error: null,
      delivered_at: sql<Date>`now()`,
    } as const
  }
  const last = { last_status: outcome.lastStatus, last_error: fitText(outcome.lastError, 2000) }
  if (outcome.kind === 'given_up') return { status: 'given_up', ...last } as const
  const next = sql<Date>`now() + make_interval(secs => ${outcome.inS}::double precision)`
  const status = sql<'pending' | 'given_up'>`case when ${next} > give_up_at then 'given_up' else 'pending' end`
  return { status, next_try_at: next, ...last }
}

async function oldestPendingAgeS(db: Database): Promise<number | null> {
  const row = await db
    .selectFrom('callback_deliveries')
    .select(
      sql<number | null>`extract(epoch from now() - (min(give_up_at) - interval '1 day'))::double precision`.as(
        'age_s',
      ),
    )
    .where('status', '=', 'pending')
    .executeTakeFirst()
  const ageS = row?.age_s ?? null
  return ageS === null ? null : Math.max(0, ageS)
}

function toDelivery(row: Pick<Row, (typeof COLUMNS)[number]>): Delivery {
  return {
    deliveryId: row.delivery_id,
    owner: row.owner,
    jobId: row.job_id,
    attempt: row.attempt,
    event: row.event,
    url: row.url,
    status: row.status,
    tries: row.tries,
    nextTryAt: row.status === 'pending' ? row.next_try_at : null,
    lastStatus: row.last_status,
    lastError: row.last_error,
    createdAt: row.created_at,
    deliveredAt: row.delivered_at,
  }
}

/** A row of `jobs` that went through JSON, where times are texts. */
function toSnapshot(row: Row['job']): Job {
  const time = (value: unknown) => (typeof value === 'string' ? new Date(value) : null)
  const times = {
    created_at: time(row.created_at),
    updated_at: time(row.updated_at),
    finished_at: time(row.finished_at),
    not_before: time(row.not_before),
  }
  return toJob({ ...row, ...times } as JobRow)
}
