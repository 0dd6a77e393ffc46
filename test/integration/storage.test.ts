import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import type { Database } from '../../src/storage/database.ts'
import { createJobStore } from '../../src/storage/job-store.ts'
import { createKeyStore } from '../../src/storage/key-store.ts'
import { createTokenStore } from '../../src/storage/token-store.ts'
import { describeJobStore } from '../contracts/job-store.ts'
import { newJob } from '../contracts/job-store-suite.ts'
import { describeKeyStore } from '../contracts/key-store.ts'
import { describeTokenStore } from '../contracts/token-store.ts'
import { openEmbedded } from '../support/embedded.ts'
import { createTestDatabase, skipWithoutPostgres } from '../support/postgres.ts'
import { openJobStore, openMigrated } from '../support/storage.ts'

const embedded = await openEmbedded()
const skip = { skip: skipWithoutPostgres }
const postgres = skipWithoutPostgres === false ? await openMigrated(await createTestDatabase()) : embedded
if (postgres !== embedded) after(() => postgres.destroy())

describeJobStore('jobs in PGlite', async () => openJobStore(embedded))
describeKeyStore('API keys in PGlite', async () => openKeyStore(embedded))
describeTokenStore('reference material in PGlite', async () => createTokenStore(embedded))
test('a job keeps the reference it was made with, in PGlite', () => assertFrozen(embedded))
describeJobStore('jobs in PostgreSQL', async () => openJobStore(postgres), skip)
describeKeyStore('API keys in PostgreSQL', async () => openKeyStore(postgres), skip)
describeTokenStore('reference material in PostgreSQL', async () => createTokenStore(postgres), skip)
test('a job keeps the reference it was made with, in PostgreSQL', skip, () => assertFrozen(postgres))

function openKeyStore(db: Database) {
  return { store: createKeyStore(db), close: async () => {} }
}

/** A reference replaced or removed later changes nothing for a job that points at it. */
async function assertFrozen(db: Database): Promise<void> {
  const jobs = createJobStore(db)
  const tokens = createTokenStore(db)
  const none = { audioKey: null, audioSha256: null, textgridKey: null, pitchKey: null }
  await tokens.put('acme', 'frozen', { ...none, textgridKey: 'first' })
  const { jobId, reference } = await jobs.create(newJob({ owner: 'acme', tokenId: 'frozen' }))
  assert.deepEqual(reference, { ...none, textgridKey: 'first' })
  await tokens.put('acme', 'frozen', { ...none, textgridKey: 'second' })
  await tokens.remove('acme', 'frozen')
  assert.deepEqual((await jobs.find(jobId))?.reference, reference)
  const others = [newJob({ owner: 'other', tokenId: 'frozen' }), newJob({ owner: 'acme', tokenId: null })]
  for (const job of others) assert.equal((await jobs.create(job)).reference, null)
}
