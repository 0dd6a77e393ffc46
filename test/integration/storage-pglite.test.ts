import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { PGlite } from '@electric-sql/pglite'
import { Kysely, PGliteDialect, type PGlite as PGliteLike, sql } from 'kysely'
import { openDatabase } from '../../src/storage/database.ts'
import { createJobStore } from '../../src/storage/job-store.ts'
import { migrateDatabase } from '../../src/storage/migrate.ts'
import { yieldingPGlite } from '../../src/storage/pglite.ts'
import type { Tables } from '../../src/storage/tables.ts'
import { changeTo, newJob } from '../contracts/job-store-suite.ts'

describe('PGlite in this process', () => {
  const pglite = new PGlite() as PGliteLike
  let queries = 0
  const counted: PGliteLike = yieldingPGlite({
    ...pickPGlite(pglite),
    query: (...args) => {
      queries += 1
      return pglite.query(...args)
    },
  })
  const db = new Kysely<Tables>({ dialect: new PGliteDialect({ pglite: counted }) })
  const store = createJobStore(db)
  before(() => migrateDatabase(db))

  test('the event loop goes round between queries, however many wait', async () => {
    const { jobId } = await store.create(newJob())
    let turns = 0
    let counting = true
    const count = () => {
      turns += 1
      if (counting) setImmediate(count)
    }
    count()
    const before = queries
    await Promise.all(Array.from({ length: 500 }, () => counted.query('update jobs set claims = claims + 1', [])))
    counting = false
    assert.equal(queries - before, 500)
    assert.ok(turns >= 500, `${turns} turns in 500 queries`)
    assert.equal((await store.find(jobId))?.status, 'uploading')
  })

  test('changes of many jobs that all move are one statement; one more reads those that did not', async () => {
    const jobs = await Promise.all(Array.from({ length: 100 }, () => store.create(newJob())))
    const changes = jobs.map(({ jobId }) => changeTo(jobId, 'completed'))
    for (const expected of [1, 2]) {
      const before = queries
      await store.advance(changes)
      assert.equal(queries - before, expected)
    }
  })

  test('transactions and single queries side by side all come through', async () => {
    const ids = await Promise.all([1, 2, 3, 4].map(async () => (await store.create(newJob())).jobId))
    const transactions = ids.map((jobId) =>
      db.transaction().execute(async (trx) => {
        await createJobStore(trx).advance([changeTo(jobId, 'stored')])
        return createJobStore(trx).find(jobId)
      }),
    )
    const singles = ids.map((jobId) => store.find(jobId))
    await Promise.all(singles)
    assert.ok((await Promise.all(transactions)).every((job) => job?.status === 'stored'))
  })

  test('a transaction that fails leaves nothing, and the next query works', async () => {
    const job = newJob()
    const failing = db.transaction().execute(async (trx) => {
      await createJobStore(trx).create(job)
      throw new Error('stop')
    })
    await assert.rejects(failing, /stop/)
    assert.equal(await store.find(job.jobId), undefined)
    await assert.rejects(sql`select nothing from nowhere`.execute(db), { code: '42P01' })
    await store.check()
  })

  test('once closed, it is an outage', async () => {
    await pglite.close()
    await assert.rejects(store.check(), { code: 'database-unavailable' })
  })
})

test('PGlite keeps its rows in its folder', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'pglite-'))
  after(() => rmSync(folder, { recursive: true }))
  const job = newJob()
  const first = openDatabase({ dataDir: folder })
  assert.deepEqual(await migrateDatabase(first), [
    '0001-jobs',
    '0002-references',
    '0003-job-operations',
    '0004-deliveries',
    '0005-uploads',
    '0006-retention',
    '0008-limits',
    '0009-ended-keys',
    '0010-dead-letters',
    '0011-timeline',
    '0012-cutover',
    '0013-ended-of-owner',
    '0014-watched-by-route',
    '0015-first-errors',
  ])
  await createJobStore(first).create(job)
  await first.destroy()
  const second = openDatabase({ dataDir: folder })
  assert.deepEqual(await migrateDatabase(second), [])
  assert.equal((await createJobStore(second).find(job.jobId))?.owner, 'acme')
  await second.destroy()
})

function pickPGlite(pglite: PGliteLike): PGliteLike {
  return {
    get closed() {
      return pglite.closed
    },
    get ready() {
      return pglite.ready
    },
    waitReady: pglite.waitReady,
    close: () => pglite.close(),
    query: (...args) => pglite.query(...args),
    transaction: (callback) => pglite.transaction(callback),
  }
}
