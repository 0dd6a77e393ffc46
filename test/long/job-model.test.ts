import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createJobStore } from '../../src/storage/job-store.ts'
import { moveAtRandom } from '../contracts/job-store-model.ts'
import { createFakeJobStore } from '../fakes/fake-job-store.ts'
import { createTestDatabase, skipWithoutPostgres } from '../support/postgres.ts'
import { roundsOf, withSeed } from '../support/seeds.ts'
import { openMigrated } from '../support/storage.ts'

test('rows in memory move as the model says, whatever several writers ask', () =>
  withSeed(async (seed) => {
    const store = createFakeJobStore()
    const { ends } = await moveAtRandom([store, store, store], { seed, rounds: roundsOf(3000) })
    assert.ok(ends > 300, `${ends} ends`)
  }))

test('rows in PGlite move as the model says, whatever several writers ask', () =>
  withSeed(async (seed) => {
    const db = await openMigrated({ dataDir: undefined })
    const writers = [1, 2, 3].map(() => createJobStore(db))
    const { ends } = await moveAtRandom(writers, { seed, rounds: roundsOf(100) })
    assert.ok(ends > 5, `${ends} ends`)
    await db.destroy()
  }))

test('rows in PostgreSQL move as the model says, whatever several writers ask', { skip: skipWithoutPostgres }, () =>
  withSeed(async (seed) => {
    const { url } = await createTestDatabase()
    const dbs = [await openMigrated({ url }), await openMigrated({ url }), await openMigrated({ url })]
    const { ends } = await moveAtRandom(
      dbs.map((db) => createJobStore(db)),
      { seed, rounds: roundsOf(300) },
    )
    assert.ok(ends > 20, `${ends} ends`)
    for (const db of dbs) await db.destroy()
  }),
)
