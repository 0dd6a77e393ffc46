import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { after, describe, test } from 'node:test'
import { sql } from 'kysely'
import { discardLetters } from '../../src/services/discard-letters.ts'
import { type Database, openDatabase } from '../../src/storage/database.ts'
import { createJobStore } from '../../src/storage/job-store.ts'
import { createOwnerDeletionStore } from '../../src/storage/owner-deletion-store.ts'
import { createRetentionStore } from '../../src/storage/retention-store.ts'
import { createTimeline } from '../../src/storage/timeline.ts'
import { insertTimelineRows } from '../../src/storage/timeline-rows.ts'
import { createArrivals } from '../contracts/arrivals.ts'
import { newJob } from '../contracts/job-store-suite.ts'
import { createTestLog } from '../contracts/test-log.ts'
import { describeTimeline, type TimelineStores } from '../contracts/timeline.ts'
import { createFakeDeadLetterStore } from '../fakes/fake-dead-letter-store.ts'
import { openEmbedded } from '../support/embedded.ts'
import { createTestDatabase, skipWithoutPostgres } from '../support/postgres.ts'
import { openJobStore, openMigrated } from '../support/storage.ts'
import { startTcpProxy } from '../support/tcp-proxy.ts'

const embedded = await openEmbedded()
const source = skipWithoutPostgres === false ? await createTestDatabase() : undefined
const postgres = source === undefined ? embedded : await openMigrated(source)
if (postgres !== embedded) after(() => postgres.destroy())
const bareSource = skipWithoutPostgres === false ? await createTestDatabase() : undefined
const inEmbedded = openStores(embedded)
const inPostgres = openStores(postgres)

describeTimeline('timeline in PGlite', () => inEmbedded)
describeTimeline('timeline in PostgreSQL', () => inPostgres, { skip: skipWithoutPostgres })

/** Batches as they are written: a test waits for one. */
function createBatches() {
  const batches = createArrivals<{ outcome: string; by: number }>()
  const count = (_name: string, labels: Readonly<Record<string, string>> = {}, by = 1) =>
    batches.add({ outcome: labels.outcome ?? '', by })
  return { ...batches, metrics: { count } }
}

function openStores(db: Database): TimelineStores {
  const timeline = createTimeline({ db, worker: 'test@here:1', metrics: { count: () => {} }, log: createTestLog() })
  after(() => timeline.close())
  return {
    timeline,
    jobs: createJobStore(db),
    retention: createRetentionStore(db),
    ownerDeletions: createOwnerDeletionStore(db),
    age: openJobStore(db).age,
    ageHops: async (jobId, seconds) => {
      const by = sql`make_interval(secs => ${seconds}::double precision)`
      await sql`update job_timeline set at = at - ${by} where job_id = ${jobId}`.execute(db)
    },
  }
}

describe('gathered notes', () => {
  const rowsOf = async (db: Database, jobId: string) => {
    const { rows } = await sql<{ attempt: number; at: Date }>`
      select attempt, at from job_timeline where job_id = ${jobId} order by at, seq`.execute(db)
    return rows
  }
  const note = (jobId: string, attempt = 1) => ({ jobId, attempt, hop: 'forward', outcome: 'sent' }) as const

  test('are written by themselves, in one statement', async () => {
    const batches = createBatches()
    const timeline = createTimeline({ db: embedded, worker: 'w@h:1', ...batches, log: createTestLog() })
    const { jobId } = await createJobStore(embedded).create(newJob())
    for (let attempt = 1; attempt <= 300; attempt += 1) timeline.note(note(jobId, attempt))
    await batches.until(() => true)
    assert.deepEqual(batches.items, [{ outcome: 'written', by: 300 }])
    const attempts = (await rowsOf(embedded, jobId)).map(({ attempt }) => attempt)
    assert.deepEqual(
      attempts,
      Array.from({ length: 300 }, (_, index) => index + 1),
    )
    await timeline.close()
  })

  test('are all there after a close', async () => {
    const timeline = createTimeline({ db: embedded, worker: 'w@h:1', ...createBatches(), log: createTestLog() })
    const { jobId } = await createJobStore(embedded).create(newJob())
    for (let attempt = 1; attempt <= 1200; attempt += 1) timeline.note(note(jobId, attempt))
    await timeline.close()
    assert.equal((await rowsOf(embedded, jobId)).length, 1200)
  })

  test('beyond the bound are dropped and counted, and nothing else suffers', async () => {
    const batches = createBatches()
    const options = { db: embedded, worker: 'w@h:1', ...batches, log: createTestLog(), maxKept: 10 }
    const timeline = createTimeline(options)
    const { jobId } = await createJobStore(embedded).create(newJob())
    for (let attempt = 1; attempt <= 13; attempt += 1) timeline.note(note(jobId, attempt))
    assert.deepEqual(batches.items, Array(3).fill({ outcome: 'dropped', by: 1 }))
    await timeline.close()
    assert.equal((await rowsOf(embedded, jobId)).at(-1)?.attempt, 10)
  })

  test('of a mass discard are all written, although they are more than are kept', async () => {
    const { metrics, items } = createBatches()
    const timeline = createTimeline({
      db: embedded,
      worker: 'test@here:1',
      metrics,
      log: createTestLog(),
      maxKept: 1000,
    })
    const letters = Array.from({ length: 2500 }, (_, letter) => ({
      ...{ letterId: String(letter), jobId: randomUUID(), attempt: 1 },
      stage: 'analysing' as const,
    }))
    const deadLetters = { ...createFakeDeadLetterStore(), discard: async () => letters }
    assert.equal(await discardLetters({ deadLetters, timeline }, { filter: {}, by: 'ops', reason: 'a test' }), 2500)
    await timeline.close()
    assert.deepEqual(
      [items.every(({ outcome }) => outcome === 'written'), items.reduce((sum, { by }) => sum + by, 0)],
      [true, 2500],
    )
  })

  test('that the database refuses are counted and logged', { skip: skipWithoutPostgres }, async () => {
    const withoutSchema = openDatabase({ url: bareSource?.url ?? '' })
    const [batches, log] = [createBatches(), createTestLog()]
    const timeline = createTimeline({ db: withoutSchema, worker: 'w@h:1', ...batches, log })
    timeline.note(note('019aa7de-6f2b-7c3e-9a55-0c2f6a1b2c3d'))
    await batches.until(({ outcome }) => outcome === 'refused')
    assert.ok(log.lines.some(({ sentence }) => sentence === 'timeline refused'))
    await timeline.close()
    await withoutSchema.destroy()
  })

  test('written again, because the answer was lost, are there once', async () => {
    const { jobId } = await createJobStore(embedded).create(newJob())
    const nothing = { messageId: null, receiveCount: null, detail: null }
    const rows = [1, 2].map((seq) => ({ ...note(jobId), ...nothing, worker: 'w@h:1', at: new Date(), seq }))
    for (let time = 0; time < 2; time += 1) await insertTimelineRows(embedded, rows)
    assert.equal((await rowsOf(embedded, jobId)).length, 2)
  })

  test('wait out an outage of PostgreSQL, and keep the times of their hops', {
    skip: skipWithoutPostgres,
  }, async () => {
    const url = new URL(source?.url ?? '')
    const proxy = await startTcpProxy(Number(url.port))
    url.port = String(proxy.port)
    url.hostname = '127.0.0.1'
    const db = openDatabase({ url: url.href, connectTimeoutMs: 500 })
    const [batches, log] = [createBatches(), createTestLog()]
    const timeline = createTimeline({ db, worker: 'w@h:1', ...batches, log })
    const { jobId } = await createJobStore(postgres).create(newJob())
    timeline.note(note(jobId, 1))
    await batches.until(({ outcome }) => outcome === 'written')
    await proxy.stop()
    timeline.note(note(jobId, 2))
    const noted = performance.now()
    await log.until('timeline not written yet')
    await assert.rejects(timeline.read(jobId), { code: 'database-unavailable' })
    await proxy.start()
    await batches.until((_batch) => batches.items.length === 2)
    const waitedMs = performance.now() - noted
    const rows = await rowsOf(postgres, jobId)
    assert.deepEqual(
      rows.map(({ attempt }) => attempt),
      [1, 2],
    )
    const { rows: clock } = await sql<{ now: Date }>`select clock_timestamp() as now`.execute(postgres)
    assert.ok(+clock[0]!.now - +rows[1]!.at >= waitedMs - 50, 'the time of the hop, not of the row')
    await timeline.close()
    await db.destroy()
  })
})
