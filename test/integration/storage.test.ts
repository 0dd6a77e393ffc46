import { after } from 'node:test'
import type { Database } from '../../src/storage/database.ts'
import { createKeyStore } from '../../src/storage/key-store.ts'
import { describeJobStore } from '../contracts/job-store.ts'
import { describeKeyStore } from '../contracts/key-store.ts'
import { createTestDatabase, skipWithoutPostgres } from '../support/postgres.ts'
import { openJobStore, openMigrated } from '../support/storage.ts'

const embedded = await openMigrated({ dataDir: undefined })
after(() => embedded.destroy())

describeJobStore('jobs in PGlite', async () => openJobStore(embedded))
describeKeyStore('API keys in PGlite', async () => openKeyStore(embedded))

const skip = { skip: skipWithoutPostgres }
const postgres = skipWithoutPostgres === false ? await openMigrated(await createTestDatabase()) : embedded
if (postgres !== embedded) after(() => postgres.destroy())

describeJobStore('jobs in PostgreSQL', async () => openJobStore(postgres), skip)
describeKeyStore('API keys in PostgreSQL', async () => openKeyStore(postgres), skip)

function openKeyStore(db: Database) {
  return { store: createKeyStore(db), close: async () => {} }
}
