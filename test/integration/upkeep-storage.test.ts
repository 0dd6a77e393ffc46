import { after } from 'node:test'
import type { Database } from '../../src/storage/database.ts'
import { createJobStore } from '../../src/storage/job-store.ts'
import { createKeyStore } from '../../src/storage/key-store.ts'
import { createOwnerDeletionStore } from '../../src/storage/owner-deletion-store.ts'
import { createRetentionStore } from '../../src/storage/retention-store.ts'
import { createSweepStore } from '../../src/storage/sweep-store.ts'
import { createTokenStore } from '../../src/storage/token-store.ts'
import { describeUpkeep } from '../contracts/upkeep.ts'
import type { UpkeepStores } from '../contracts/upkeep-suite.ts'
import { openEmbedded } from '../support/embedded.ts'
import { createTestDatabase, skipWithoutPostgres } from '../support/postgres.ts'
import { openJobStore, openMigrated } from '../support/storage.ts'

const embedded = await openEmbedded()
// Before any suite: the runner ends the file's hooks as soon as those it knows of are done.
const postgres = skipWithoutPostgres === false ? await openMigrated(await createTestDatabase()) : embedded
if (postgres !== embedded) after(() => postgres.destroy())

describeUpkeep('upkeep in PGlite', async () => openUpkeep(embedded))
describeUpkeep('upkeep in PostgreSQL', async () => openUpkeep(postgres), { skip: skipWithoutPostgres })

function openUpkeep(db: Database): UpkeepStores {
  return {
    sweeps: createSweepStore(db),
    retention: createRetentionStore(db),
    ownerDeletions: createOwnerDeletionStore(db),
    jobs: createJobStore(db),
    tokens: createTokenStore(db),
    keys: createKeyStore(db),
    age: openJobStore(db).age,
  }
}
