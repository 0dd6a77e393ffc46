/** Callbacks in PostgreSQL. `advance-jobs.ts` makes the rows; the database's clock decides when each is due. */
import { type Selectable, sql } from 'kysely'
import { isUuid } from '../domain/ids.ts'
import type { Job } from '../domain/job.ts'
import type { ClaimedDelivery, ClaimRules, Delivery, DeliveryOutcome, DeliveryStore } from '../ports/deliveries.ts'
import type { Database } from './database.ts'
import { fitText, type JobRow, toJob } from './job-rows.ts'
import type { CallbackDeliveriesTable } from './tables.ts'

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
    record: async ({ deliveryId, lease }, outcome) => {
      const row = await db
        .updateTable('callback_deliveries')
        .set({ lease: null, leased_until: null, ...changesOf(outcome) })
        .where('delivery_id', '=', deliveryId)
        .where('lease', '=', lease)
        .returning('status')
        .executeTakeFirst()
      return row?.status
    },
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
    replay: async (owner, jobId, deliveryId) => {
      if (!isUuid(jobId) || !isUuid(deliveryId)) return undefined
      const row = await db
        .updateTable('callback_deliveries')
        .set({
          status: 'pending',
          tries: 0,
          next_try_at: sql`now()`,
          give_up_at: sql`now() + interval '1 day'`,
          lease: null,
          leased_until: null,
          delivered_at: null,
        })
        .where('owner', '=', owner)
        .where('job_id', '=', jobId)
        .where('delivery_id', '=', deliveryId)
        .returning(COLUMNS)
        .executeTakeFirst()
      return row && toDelivery(row)
    },
    oldestPendingAgeS: () => oldestPendingAgeS(db),
  }
}

/**
 * Owner by owner (a skip scan of the index), so that neither what one owner has piled up nor what he has under way is
 * in the way of the others. Rows that another instance is being handed are passed over.
 */
async function claim(db: Database, { limit, perOwner, leaseS }: ClaimRules): Promise<ClaimedDelivery[]> {
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
