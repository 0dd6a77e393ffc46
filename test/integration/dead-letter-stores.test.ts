import { after } from 'node:test'
import { sql } from 'kysely'
import type { Database } from '../../src/storage/database.ts'
import { createDeadLetterStore } from '../../src/storage/dead-letter-store.ts'
import { describeDeadLetterStore, type OpenDeadLetterStore } from '../contracts/dead-letter-store.ts'
import { openEmbedded } from '../support/embedded.ts'
import { createTestDatabase, skipWithoutPostgres } from '../support/postgres.ts'
import { openMigrated } from '../support/storage.ts'

const embedded = await openEmbedded()
const postgres = skipWithoutPostgres === false ? await openMigrated(await createTestDatabase()) : embedded
if (postgres !== embedded) after(() => postgres.destroy())

describeDeadLetterStore('dead letters in PGlite', async () => openStore(embedded))
describeDeadLetterStore('dead letters in PostgreSQL', async () => openStore(postgres), { skip: skipWithoutPostgres })

function openStore(db: Database): OpenDeadLetterStore {
  const age = async (letterId: string, seconds: number) => {
    const by = sql`make_interval(secs => ${seconds}::double precision)`
    await sql`
      update dead_letters set
        first_seen_at = first_seen_at - ${by}, last_seen_at = last_seen_at - ${by}, resolved_at = resolved_at - ${by}
      where letter_id = ${letterId}`.execute(db)
  }
  return { deadLetters: createDeadLetterStore(db), age, close: async () => {} }
}
