import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { sql } from 'kysely'
import type { StatusChange } from '../../src/ports.ts'
import { openDatabase } from '../../src/storage/database.ts'
import { createJobStore } from '../../src/storage/job-store.ts'
import { createKeyStore } from '../../src/storage/key-store.ts'
import { MIGRATION_NAMES, migrateDatabase } from '../../src/storage/migrate.ts'
import { changeTo, newJob } from '../contracts/job-store-suite.ts'
import { newKey } from '../contracts/key-store.ts'
import { createTestDatabase, skipWithoutPostgres } from '../support/postgres.ts'
import { startProcess } from '../support/processes.ts'
import { untilBlocked } from '../support/storage.ts'

const skip = { skip: skipWithoutPostgres }
const createUrl = async () => (skipWithoutPostgres === false ? (await createTestDatabase()).url : 'postgres://nowhere')
const url = await createUrl()
const emptyUrl = await createUrl()
const scriptUrl = await createUrl()

describe('the schema', skip, () => {
  test('comes up once when several processes bring it up at the same time', async () => {
    const databases = Array.from({ length: 5 }, () => openDatabase({ url: emptyUrl, poolSize: 2 }))
    const applied = await Promise.all(databases.map((db) => migrateDatabase(db)))
    assert.deepEqual(applied.flat(), MIGRATION_NAMES)
    assert.deepEqual(await migrateDatabase(databases[0]!), [])
    await Promise.all(databases.map((db) => db.destroy()))
  })

  test('refuses rows that must not be', async () => {
    const db = openDatabase({ url: emptyUrl })
    const { jobId } = await createJobStore(db).create(newJob())
    const wrong = [
      `status = 'completed'`,
      `status = 'failed', finished_at = now()`,
      `finished_at = now()`,
      `error_code = 'x'`,
      `progress = 101`,
      `attempt = -1`,
      `status = 'lost'`,
      `route = 'pigeon'`,
      `priority = 'urgent'`,
      `sha256 = 'AB'`,
    ]
    for (const set of wrong) {
      const update = sql.raw(`update jobs set ${set} where job_id = '${jobId}'`).execute(db)
      await assert.rejects(update, { code: '23514' }, set)
    }
    await db.destroy()
  })

  test('the migrate command applies it, and a second time finds nothing to do', async () => {
    for (const expected of [`Applied ${MIGRATION_NAMES.join(', ')}`, 'The schema is up to date']) {
      const process = startProcess(['scripts/migrate.ts'], { DATABASE_URL: scriptUrl })
      assert.deepEqual(await process.ended, { code: 0, signal: null }, process.output())
      assert.equal(process.output().trim(), expected)
    }
  })
})

test('the migrate command without a database says what is missing', async () => {
  const process = startProcess(['scripts/migrate.ts'])
  assert.equal((await process.ended).code, 1)
  assert.match(process.output(), /^DATABASE_URL is not set/)
})

describe('jobs in PostgreSQL, from several processes at once', skip, () => {
  // Each its own pool, as processes have.
  const databases = Array.from({ length: 4 }, () => openDatabase({ url, poolSize: 4 }))
  const stores = databases.map(createJobStore)
  before(() => migrateDatabase(databases[0]!))
  after(() => Promise.all(databases.map((db) => db.destroy())))

  async function makeJobs(count: number): Promise<string[]> {
    const jobs = await Promise.all(Array.from({ length: count }, (_, i) => stores[i % 4]!.create(newJob())))
    await stores[0]!.advance(jobs.map(({ jobId }) => changeTo(jobId, 'stored')))
    return jobs.map(({ jobId }) => jobId)
  }

  test('a change made everywhere at once moves each job exactly once', async () => {
    const ids = await makeJobs(50)
    for (const to of ['queued', 'analysing', 'completed'] as const) {
      const calls = [...stores, ...stores].map((store, i) => {
        const order = i % 2 === 0 ? ids : ids.toReversed()
        return store.advance(order.map((jobId) => changeTo(jobId, to)))
      })
      const moved = (await Promise.all(calls)).flat().filter((answer) => answer.moved)
      assert.equal(moved.length, 50)
      assert.equal(new Set(moved.map(({ job }) => job?.jobId)).size, 50)
      assert.ok((await stores[0]!.findMany(ids)).every(({ status }) => status === to))
    }
  })

  test('different statuses racing in opposite orders never dead-lock, and the furthest wins', async () => {
    const ids = await makeJobs(60)
    const statuses = ['queued', 'forwarded', 'analysing', 'completed'] as const
    const calls = Array.from({ length: 24 }, (_, i) => {
      const slice = ids.slice((i * 7) % 30, ((i * 7) % 30) + 30)
      const order = i % 2 === 0 ? slice : slice.toReversed()
      return stores[i % 4]!.advance(order.map((jobId) => changeTo(jobId, statuses[i % 4]!)))
    })
    for (const { job } of (await Promise.all(calls)).flat()) assert.ok(job !== undefined)
    await stores[0]!.advance(ids.map((jobId) => changeTo(jobId, 'completed')))
    const rows = await stores[0]!.findMany(ids)
    assert.ok(rows.every(({ status, progress }) => status === 'completed' && progress === 100))
  })

  test('a change that waited for another’s lock is asked again of the row as it then is', async () => {
    const [jobId] = await makeJobs(1)
    const late = await databases[0]!.transaction().execute(async (trx) => {
      await createJobStore(trx).advance([changeTo(jobId!, 'failed')])
      const waiting = stores[1]!.advance([changeTo(jobId!, 'completed')])
      await untilBlocked(databases[2]!)
      return { waiting }
    })
    const [answer] = await late.waiting
    assert.equal(answer?.moved, false)
    assert.equal(answer?.job?.status, 'failed')
    assert.equal(await stores[1]!.findResult(jobId!), undefined)
  })

  test('a step that waited for another’s lock builds on the row as it then is, or is behind it', async () => {
    const [jobId, other] = await makeJobs(2)
    const stepBehind = async (first: StatusChange, second: StatusChange) => {
      const { waiting } = await databases[0]!.transaction().execute(async (trx) => {
        await createJobStore(trx).advance([first])
        const waiting = stores[1]!.advance([second])
        await untilBlocked(databases[2]!)
        return { waiting }
      })
      return (await waiting)[0]
    }
    const ahead = await stepBehind(changeTo(jobId!, 'queued', { durationS: 2.41 }), changeTo(jobId!, 'forwarded'))
    assert.deepEqual([ahead?.moved, ahead?.job?.status, ahead?.job?.durationS], [true, 'forwarded', 2.41])
    const decided = changeTo(jobId!, 'failed', { from: 'forwarded' })
    const overtaken = await stepBehind(changeTo(jobId!, 'analysing'), decided)
    assert.deepEqual([overtaken?.moved, overtaken?.job?.status], [false, 'analysing'])
    const late = await stepBehind(changeTo(other!, 'cancelled'), changeTo(other!, 'queued'))
    assert.deepEqual([late?.moved, late?.job?.status], [false, 'cancelled'])
  })

  test('a stalled row is handed to one process only, and a row that is just moving to none', async () => {
    const ids = await makeJobs(200)
    const [moving] = ids
    await sql`update jobs set watched_from = now() - interval '1 hour' where status = 'stored'`.execute(databases[0]!)
    const rules = { waitingS: 60, inFlightS: 600, limit: 15 }
    const claimed = await databases[0]!.transaction().execute(async (trx) => {
      await createJobStore(trx).advance([changeTo(moving!, 'queued')])
      const rounds = Array.from({ length: 24 }, (_, i) => stores[i % 4]!.claimStalled(rules))
      return (await Promise.all(rounds)).flat().map(({ jobId }) => jobId)
    })
    const rest = (await stores[0]!.claimStalled({ ...rules, limit: 1000 })).map(({ jobId }) => jobId)
    const all = [...claimed, ...rest]
    assert.equal(new Set(all).size, all.length)
    assert.deepEqual(all.toSorted(), ids.slice(1).toSorted())
  })

  test('a key looked up by all at once is found by all', async () => {
    const key = newKey()
    await createKeyStore(databases[0]!).ensure(key)
    const found = await Promise.all(
      databases.flatMap((db) => [1, 2, 3].map(() => createKeyStore(db).findByHash(key.keyHash))),
    )
    assert.equal(new Set(found.map((one) => one?.keyId)).size, 1)
  })
})
