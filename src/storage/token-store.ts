/** Reference material of tokens in PostgreSQL: where its objects lie. */
import { sql } from 'kysely'
import type { TokenReference } from '../domain/reference.ts'
import type { TokenStore } from '../ports.ts'
import type { Database } from './database.ts'

const COLUMNS = [
  'owner',
  'token_id',
  'audio_key',
  'audio_sha256',
  'textgrid_key',
  'pitch_key',
  'created_at',
  'updated_at',
] as const

export function createTokenStore(db: Database): TokenStore {
  return {
    put: async (owner, tokenId, keys) => {
      const values = {
        audio_key: keys.audioKey,
        audio_sha256: keys.audioSha256,
        textgrid_key: keys.textgridKey,
        pitch_key: keys.pitchKey,
      }
      // What this call does not bring stays as it was, unless it belonged to another recording.
      const replaces = keys.audioKey !== null
      const brought = Object.fromEntries(Object.entries(values).filter(([, value]) => replaces || value !== null))
      const row = await db
        .insertInto('token_references')
        .values({ owner, token_id: tokenId, ...values })
        .onConflict((conflict) =>
          conflict.columns(['owner', 'token_id']).doUpdateSet({ ...brought, updated_at: sql`now()` }),
        )
        .returning(COLUMNS)
        .executeTakeFirstOrThrow()
      return toReference(row)
    },
    find: async (owner, tokenId) => {
      const row = await db
        .selectFrom('token_references')
        .select(COLUMNS)
        .where('owner', '=', owner)
        .where('token_id', '=', tokenId)
        .executeTakeFirst()
      return row && toReference(row)
    },
    list: async (owner, { after, limit }) => {
      const rows = await db
        .selectFrom('token_references')
        .select(COLUMNS)
        .where('owner', '=', owner)
        .where('token_id', '>', after ?? '')
        .orderBy('token_id')
        .limit(limit)
        .execute()
      return rows.map(toReference)
    },
    remove: async (owner, tokenId) => {
      const removed = await db
        .deleteFrom('token_references')
        .where('owner', '=', owner)
        .where('token_id', '=', tokenId)
        .returning('token_id')
        .executeTakeFirst()
      return removed !== undefined
    },
  }
}

interface Row {
  owner: string
  token_id: string
  audio_key: string | null
  audio_sha256: string | null
  textgrid_key: string | null
  pitch_key: string | null
  created_at: Date
  updated_at: Date
}

function toReference(row: Row): TokenReference {
  return {
    owner: row.owner,
    tokenId: row.token_id,
    audioKey: row.audio_key,
    audioSha256: row.audio_sha256,
    textgridKey: row.textgrid_key,
    pitchKey: row.pitch_key,
    createdAt: row.created_at,
    updatedAt: row.updated_at,
  }
}
