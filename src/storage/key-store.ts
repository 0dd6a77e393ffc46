/** API keys in PostgreSQL, by the SHA-256 of their text; the text itself is never kept. */
import { type ExpressionBuilder, type Selectable, sql } from 'kysely'
import { isUuid } from '../domain/ids.ts'
import type { ApiKey, KeyRecord, KeyStore, NewKey } from '../ports.ts'
import type { Database } from './database.ts'
import type { ApiKeysTable, Tables } from './tables.ts'

const HASH = /^[0-9a-f]{64}$/
const FOUND = ['key_id', 'owner', 'role', 'expires_at'] as const
const RECORD = [...FOUND, 'name', 'created_at', 'revoked_at', 'last_used_at'] as const

export function createKeyStore(db: Database): KeyStore {
  return {
    findByHash: async (keyHash) => (HASH.test(keyHash) ? findLive(db, 'key_hash', keyHash) : undefined),
    findById: async (keyId) => (isUuid(keyId) ? findLive(db, 'key_id', keyId) : undefined),
    ensure: async (key) => {
      const { owner, role, key_hash, name, expires_at } = toRow(key)
      // In one statement: of an ended key nothing is inserted, so nothing is refused while its owner is being deleted.
      await sql`
        insert into api_keys (owner, role, key_hash, name, expires_at)
        select ${owner}::text, ${role}::text, ${key_hash}::text, ${name}::text, ${expires_at}::timestamptz
        where not exists (select 1 from ended_keys where key_hash = ${key_hash})
        on conflict (key_hash) do nothing`.execute(db)
    },
    create: async (key) =>
      toRecord(await db.insertInto('api_keys').values(toRow(key)).returning(RECORD).executeTakeFirstOrThrow()),
    list: (page) => list(db, page),
    revoke: (keyId) => revoke(db, keyId),
    touch: async (keyId) => {
      await sql`
        update api_keys set last_used_at = now()
        where key_id = ${keyId} and (last_used_at is null or last_used_at < now() - interval '1 minute')
      `.execute(db)
    },
  }
}

async function findLive(db: Database, column: 'key_hash' | 'key_id', value: string): Promise<ApiKey | undefined> {
  const row = await db.selectFrom('api_keys').select(FOUND).where(column, '=', value).where(isLive).executeTakeFirst()
  return row && toApiKey(row)
}

function isLive(eb: ExpressionBuilder<Tables, 'api_keys'>) {
  return eb.and([
    eb('revoked_at', 'is', null),
    eb.or([eb('expires_at', 'is', null), eb('expires_at', '>', sql<Date>`now()`)]),
  ])
}

async function list(db: Database, { owner, after, limit }: Parameters<KeyStore['list']>[0]): Promise<KeyRecord[]> {
  let query = db.selectFrom('api_keys').select(RECORD)
  if (owner !== undefined) query = query.where('owner', '=', owner)
  if (after !== undefined) {
    const last = sql`(select created_at, key_id from api_keys where key_id = ${after})`
    query = query.where(sql<boolean>`(created_at, key_id) < ${last}`)
  }
  const rows = await query.orderBy('created_at', 'desc').orderBy('key_id', 'desc').limit(limit).execute()
  return rows.map(toRecord)
}

/**
 * Every live admin key is locked first, in one order: of two that revoke each other's last company, the second waits
 * and then sees that it holds the last.
 */
async function revoke(db: Database, keyId: string): ReturnType<KeyStore['revoke']> {
  if (!isUuid(keyId)) return 'unknown'
  return db.transaction().execute(async (trx) => {
    const admins = await trx
      .selectFrom('api_keys')
      .select('key_id')
      .where('role', '=', 'admin')
      .where(isLive)
      .orderBy('key_id')
      .forUpdate()
      .execute()
    if (admins.length === 1 && admins[0]?.key_id === keyId) return 'last-admin'
    const revoked = await trx
      .updateTable('api_keys')
      .set({ revoked_at: sql`coalesce(revoked_at, now())` })
      .where('key_id', '=', keyId)
      .returning('key_id')
      .executeTakeFirst()
    return revoked === undefined ? 'unknown' : 'revoked'
  })
}

function toRow({ owner, role, keyHash, name, expiresAt = null }: NewKey) {
  return { owner, role, key_hash: keyHash, name, expires_at: expiresAt }
}

type Row = Selectable<ApiKeysTable>

function toApiKey(row: Pick<Row, (typeof FOUND)[number]>): ApiKey {
  return { keyId: row.key_id, owner: row.owner, role: row.role, expiresAt: row.expires_at }
}

function toRecord(row: Pick<Row, (typeof RECORD)[number]>): KeyRecord {
  return {
    ...toApiKey(row),
    name: row.name,
    createdAt: row.created_at,
    revokedAt: row.revoked_at,
    lastUsedAt: row.last_used_at,
  }
}
