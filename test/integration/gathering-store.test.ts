/** The job store as processes use it: calls of many callers share statements, and nobody notices but the database. */
import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import type { NewJob } from '../../src/ports.ts'
import { createJobs } from '../../src/storage/create-job.ts'
import type { Database } from '../../src/storage/database.ts'
import { createGatheringJobStore } from '../../src/storage/gathering-job-store.ts'
import { createJobStore } from '../../src/storage/job-store.ts'
import { createOwnerDeletionStore } from '../../src/storage/owner-deletion-store.ts'
import { describeJobStore } from '../contracts/job-store.ts'
import { changeTo, newJob } from '../contracts/job-store-suite.ts'
import { openEmbedded } from '../support/embedded.ts'
import { createTestDatabase, skipWithoutPostgres } from '../support/postgres.ts'
import { openJobStore, openMigrated } from '../support/storage.ts'

const db = skipWithoutPostgres === false ? await openMigrated(await createTestDatabase()) : await openEmbedded()
after(() => db.destroy())

const COUNT = 60

function gather(on: Database) {
  const sizes: number[] = []
  const createMany = (jobs: readonly NewJob[]) => {
    sizes.push(jobs.length)
    return createJobs(on, jobs)
  }
  return { store: createGatheringJobStore(createJobStore(on), createMany), sizes }
}

describeJobStore('jobs whose calls are gathered', async () => ({ ...openJobStore(db), store: gather(db).store }))

test('jobs made at once share statements, and each caller gets its own', async () => {
  const { store, sizes } = gather(db)
  const given = Array.from({ length: COUNT }, (_, i) => newJob({ filename: `${i}.wav` }))
  const made = await Promise.all(given.map((job) => store.create(job)))
  assert.deepEqual(
    made.map(({ jobId, filename }) => [jobId, filename]),
    given.map(({ jobId, filename }) => [jobId, filename]),
  )
  assert.deepEqual(sizes, [COUNT])
  const stored = await Promise.all(given.map(({ jobId }) => store.advance([changeTo(jobId, 'stored')])))
  assert.deepEqual(
    stored.map(([advanced]) => [advanced?.moved, advanced?.job?.jobId, advanced?.job?.status]),
    given.map(({ jobId }) => [true, jobId, 'stored']),
  )
})

test('a job that is refused fails alone, and one that is there already is answered as it is', async () => {
  const { store } = gather(db)
  const gone = 'gone-owner'
  await createOwnerDeletionStore(db).begin(gone)
  const there = await store.create(newJob())
  await store.advance([changeTo(there.jobId, 'stored')])
  const others = Array.from({ length: 5 }, () => newJob())
  const refused = store.create(newJob({ owner: gone }))
  const repeated = store.create(newJob({ jobId: there.jobId }))
  const made = others.map((job) => store.create(job))
  await assert.rejects(refused, { code: 'owner-deleted' })
  assert.equal((await repeated).status, 'stored')
  assert.deepEqual(
    (await Promise.all(made)).map(({ jobId }) => jobId),
    others.map(({ jobId }) => jobId),
  )
})
