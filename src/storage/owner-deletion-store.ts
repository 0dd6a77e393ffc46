/** The deletion of an owner on rows. A row of `owner_deletions` keeps new ones out, by a trigger, until it is over. */
import { type Kysely, sql } from 'kysely'
import type { BegunDeletion, OwnerDeletionStore } from '../ports/upkeep.ts'
import type { Database } from './database.ts'
import type { Tables } from './tables.ts'

export function createOwnerDeletionStore(db: Database): OwnerDeletionStore {
  return {
    begin: (owner) => db.transaction().execute((trx) => begin(trx, owner)),
    claim: async ({ retryS, limit }) => {
      const { rows } = await sql<{ owner: string; requestedAt: Date }>`
        with due as materialized (
          select owner from owner_deletions where due_at <= now() order by due_at limit ${limit}::integer
          for update skip locked
        )
        update owner_deletions o set due_at = now() + make_interval(secs => ${retryS}::double precision)
        from due d where o.owner = d.owner
        returning o.owner, o.requested_at as "requestedAt"`.execute(db)
      return rows
    },
    removeJobs: async (owner, jobIds) => {
      await sql`
        with gone as (
          delete from jobs where owner = ${owner} and job_id = any(${jobIds}::uuid[]) returning job_id
        )
        delete from job_timeline where job_id in (select job_id from gone)`.execute(db)
    },
    removeOthers: (owner) => db.transaction().execute((trx) => removeOthers(trx, owner)),
    end: async (owner, settleS) => {
      await sql`
        delete from owner_deletions
        where owner = ${owner} and requested_at <= now() - make_interval(secs => ${settleS}::double precision)
          and not exists (select 1 from jobs where owner = ${owner})
          and not exists (select 1 from callback_deliveries where owner = ${owner})
          and not exists (select 1 from token_references where owner = ${owner})
          and not exists (select 1 from api_keys where owner = ${owner})
          and not exists (select 1 from owner_secrets where owner = ${owner})
          and not exists (select 1 from dead_letters where owner = ${owner})`.execute(db)
      const { rows } = await sql`select 1 from owner_deletions where owner = ${owner}`.execute(db)
      return rows.length === 0
    },
  }
}

/** Every live admin key is locked first, as revoking does, so that together they leave one. */
async function begin(trx: Kysely<Tables>, owner: string): Promise<BegunDeletion | 'last-admin'> {
  const { rows: admins } = await sql<{ owner: string }>`
    select owner from api_keys
    where role = 'admin' and revoked_at is null and (expires_at is null or expires_at > now())
    order by key_id for update`.execute(trx)
  if (admins.length > 0 && admins.every((admin) => admin.owner === owner)) return 'last-admin'
  await sql`insert into owner_deletions (owner) values (${owner}) on conflict (owner) do nothing`.execute(trx)
  const keyIds = await endKeys(trx, owner)
  const { rows } = await sql<Omit<BegunDeletion, 'keyIds'>>`
    select owner, requested_at as "requestedAt",
      (select count(*)::integer from jobs where owner = d.owner) as jobs,
      (select count(*)::integer from token_references where owner = d.owner) as tokens
    from owner_deletions d where owner = ${owner}`.execute(trx)
  const [begun] = rows
  if (begun === undefined) throw new Error('A deletion that was just begun is gone')
  return { ...begun, keyIds }
}

/** Deletes them, and remembers their hashes, so that nothing that still names such a key makes it anew. */
async function endKeys(trx: Kysely<Tables>, owner: string): Promise<string[]> {
  const { rows } = await sql<{ keyId: string }>`
    with ended as (
      delete from api_keys where owner = ${owner} returning key_id, key_hash
    ), remembered as (
      insert into ended_keys (key_hash) select key_hash from ended on conflict (key_hash) do nothing
    )
    select key_id as "keyId" from ended`.execute(trx)
  return rows.map(({ keyId }) => keyId)
}

async function removeOthers(trx: Kysely<Tables>, owner: string): Promise<void> {
  await trx.deleteFrom('token_references').where('owner', '=', owner).execute()
  await endKeys(trx, owner)
  await trx.deleteFrom('owner_secrets').where('owner', '=', owner).execute()
  await trx.deleteFrom('dead_letters').where('owner', '=', owner).execute()
}
