import { after } from 'node:test'
import { createCutoverStore } from '../../src/storage/cutover-store.ts'
import { describeCutoverStore } from '../contracts/cutover-store.ts'
import { openEmbedded } from '../support/embedded.ts'
import { createTestDatabase, skipWithoutPostgres } from '../support/postgres.ts'
import { openMigrated } from '../support/storage.ts'

const embedded = await openEmbedded()
const postgres = skipWithoutPostgres === false ? await openMigrated(await createTestDatabase()) : embedded
if (postgres !== embedded) after(() => postgres.destroy())

describeCutoverStore('the cutover flag in PGlite', async () => ({
  store: createCutoverStore(embedded),
  close: async () => {},
}))
describeCutoverStore(
  'the cutover flag in PostgreSQL',
  async () => ({ store: createCutoverStore(postgres), close: async () => {} }),
  { skip: skipWithoutPostgres },
)
