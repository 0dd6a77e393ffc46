/** The secrets that sign callbacks, in PostgreSQL. The text of one leaves this file to sign, and once to be shown. */
import { randomBytes } from 'node:crypto'
import { sql } from 'kysely'
import type { OwnerSecretStore } from '../ports/deliveries.ts'
import type { Database } from './database.ts'

export function createOwnerSecretStore(db: Database): OwnerSecretStore {
  return {
    find: async (owner) => {
      const known = await findSecrets(db, owner)
      if (known !== undefined) return known
      await db
        .insertInto('owner_secrets')
        .values({ owner, secret: createSecret() })
        .onConflict((conflict) => conflict.column('owner').doNothing())
        .execute()
      const made = await findSecrets(db, owner)
      if (made === undefined) throw new Error('A secret that was just made is gone')
      return made
    },
    rotate: async (owner) => {
      const secret = createSecret()
      await sql`
        insert into owner_secrets (owner, secret) values (${owner}, ${secret})
        on conflict (owner) do update set
          previous = owner_secrets.secret,
          previous_until = now() + interval '24 hours',
          secret = excluded.secret,
          created_at = now()
      `.execute(db)
      return secret
    },
  }
}

async function findSecrets(db: Database, owner: string): Promise<string[] | undefined> {
  const row = await db
    .selectFrom('owner_secrets')
    .select(['secret', sql<string | null>`case when previous_until > now() then previous end`.as('previous')])
    .where('owner', '=', owner)
    .executeTakeFirst()
  return row && [row.secret, ...(row.previous === null ? [] : [row.previous])]
}

/** 256 random bits, with a prefix by which scanners for leaked secrets know it. */
function createSecret(): string {
  return `twcb_${randomBytes(32).toString('base64url')}`
}
