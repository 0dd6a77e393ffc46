import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { sql } from 'kysely'
import { findFreePort } from '../../src/embedded/free-port.ts'
import { openDatabase } from '../../src/storage/database.ts'
import { createJobStore } from '../../src/storage/job-store.ts'
import { createKeyStore } from '../../src/storage/key-store.ts'
import { migrateDatabase } from '../../src/storage/migrate.ts'
import { changeTo, newJob } from '../contracts/job-store-suite.ts'
import { newKey } from '../contracts/key-store.ts'
import { createTestDatabase, skipWithoutPostgres } from '../support/postgres.ts'
import { untilBlocked } from '../support/storage.ts'

const skip = { skip: skipWithoutPostgres }
const url = skipWithoutPostgres === false ? (await createTestDatabase()).url : 'postgres://nowhere'
const UNAVAILABLE = { name: 'AppError', code: 'database-unavailable' }

describe('an outage of PostgreSQL', skip, () => {
  const admin = openDatabase({ url, poolSize: 1 })
  before(() => migrateDatabase(admin))
  after(() => admin.destroy())
  const cutAllOthers = () =>
    sql`select pg_terminate_backend(pid) from pg_stat_activity
      where datname = current_database() and pid <> pg_backend_pid()`.execute(admin)

  test('a statement cut off fails as an outage, and the next one works', async () => {
    const [holder, db] = [openDatabase({ url, poolSize: 1 }), openDatabase({ url, poolSize: 1 })]
    const store = createJobStore(db)
    const { jobId } = await store.create(newJob())
    const holding = holder.transaction().execute(async (trx) => {
      await sql`select 1 from jobs where job_id = ${jobId} for update`.execute(trx)
      const cut = assert.rejects(store.advance([changeTo(jobId, 'stored')]), UNAVAILABLE)
      await untilBlocked(admin)
      await cutAllOthers()
      await cut
      // Cut off between two statements, the holder's transaction ends with its next one.
      await sql`select 1`.execute(trx)
    })
    await assert.rejects(holding, UNAVAILABLE)
    const [repeat] = await store.advance([changeTo(jobId, 'stored')])
    assert.equal(repeat?.moved, true)
    await Promise.all([holder.destroy(), db.destroy()])
  })

  test('connections cut while idle are replaced without anybody noticing', async () => {
    const lost: object[] = []
    const db = openDatabase({ url, poolSize: 3, log: { warn: (fields) => lost.push(fields) } })
    const store = createJobStore(db)
    await Promise.all([1, 2, 3].map(() => store.create(newJob())))
    await cutAllOthers()
    while (lost.length < 3) await sql`select 1`.execute(admin)
    await store.check()
    await db.destroy()
  })

  test('a server that is not there is an outage, from every method', async () => {
    const port = await findFreePort()
    const db = openDatabase({ url: `postgres://postgres@127.0.0.1:${port}/nobody`, connectTimeoutMs: 1000 })
    const store = createJobStore(db)
    const job = newJob()
    const { jobId } = job
    const rules = { waitingS: 1, inFlightS: 1, limit: 1 }
    const calls = [
      store.create(job),
      store.find(jobId),
      store.findMany([jobId]),
      store.advance([changeTo(jobId, 'stored')]),
      store.findResult(jobId),
      store.claimStalled(rules),
      store.findOlderThan(1, 1),
      store.countByStatus(),
      store.check(),
      createKeyStore(db).findByHash('0'.repeat(64)),
      createKeyStore(db).ensure(newKey()),
      createKeyStore(db).revoke(jobId),
      migrateDatabase(db),
    ]
    await Promise.all(calls.map((call) => assert.rejects(call, UNAVAILABLE)))
    await db.destroy()
  })

  test('waiting in vain for a connection is an outage', async () => {
    const db = openDatabase({ url, poolSize: 1, connectTimeoutMs: 1000 })
    await db.transaction().execute(async (trx) => {
      await sql`select 1`.execute(trx)
      await assert.rejects(createJobStore(db).check(), UNAVAILABLE)
    })
    await db.destroy()
  })

  test('a mistake of ours is not disguised as an outage', async () => {
    await assert.rejects(sql`select nothing from nowhere`.execute(admin), { code: '42P01' })
    const job = newJob({ owner: 'x'.repeat(65) })
    await assert.rejects(createJobStore(admin).create(job), { code: '23514' })
  })
})
