/** API keys in PostgreSQL, by the SHA-256 of their text; the text itself is never kept. */
import { sql } from 'kysely'
import type { ApiKey, KeyStore } from '../ports.ts'
import type { Database } from './database.ts'

const HASH = /^[0-9a-f]{64}$/

export function createKeyStore(db: Database): KeyStore {
  return {
    findByHash: (keyHash) => findByHash(db, keyHash),
    ensure: async ({ owner, role, keyHash, name }) => {
      await db
        .insertInto('api_keys')
        .values({ owner, role, key_hash: keyHash, name })
        .onConflict((conflict) => conflict.column('key_hash').doNothing())
        .execute()
    },
  }
}

/**
 * A revoked or expired key is not found. `last_used_at` tells an operator whether a key is still in use; it is written
 * once an hour at most and never waited for, so that a lookup stays a read.
 */
async function findByHash(db: Database, keyHash: string): Promise<ApiKey | undefined> {
  if (!HASH.test(keyHash)) return undefined
  const { rows } = await sql<{ key_id: string; owner: string; role: ApiKey['role'] }>`
    with found as (
      select key_id, owner, role, last_used_at from api_keys
      where key_hash = ${keyHash} and revoked_at is null and (expires_at is null or expires_at > now())
    ), stale as (
      select k.key_id from api_keys k join found f on f.key_id = k.key_id
      where f.last_used_at is null or f.last_used_at < now() - interval '1 hour'
      for no key update of k skip locked
    ), touched as (
      update api_keys k set last_used_at = now() from stale where k.key_id = stale.key_id
    )
    select key_id, owner, role from found
  `.execute(db)
  const [row] = rows
  return row === undefined ? undefined : { keyId: row.key_id, owner: row.owner, role: row.role }
}
