import assert from 'node:assert/strict'
import { after, describe, test } from 'node:test'
import { CompiledQuery, sql } from 'kysely'
import { createJobs } from '../../src/storage/create-job.ts'
import { openDatabase } from '../../src/storage/database.ts'
import { createJobStore } from '../../src/storage/job-store.ts'
import { findEndedRows } from '../../src/storage/list-jobs.ts'
import { migrateDatabase } from '../../src/storage/migrate.ts'
import { changeTo, newJob } from '../contracts/job-store-suite.ts'
import { createTestDatabase, skipWithoutPostgres } from '../support/postgres.ts'

const url = skipWithoutPostgres === false ? (await createTestDatabase()).url : 'postgres://nowhere'

/** The server makes a plan for the values of each of the first five executions, whatever they cost, and then compares. */
const PLANNED_ANYWAY = 5
const EXECUTIONS = 20

describe('statements on the way of an upload', { skip: skipWithoutPostgres }, () => {
  // One connection: prepared statements, and what the server counts of them, are the connection's own.
  const db = openDatabase({ url, poolSize: 1 })
  after(() => db.destroy())

  test('are planned once, not at each execution', async () => {
    await migrateDatabase(db)
    const store = createJobStore(db)
    for (let i = 0; i < EXECUTIONS; i += 1) {
      const { jobId } = await store.create(newJob())
      const [one, other] = await createJobs(db, [newJob(), newJob()])
      const two = [one!.jobId, other!.jobId]
      await store.advance(two.map((id) => changeTo(id, 'stored')))
      await store.advance(two.map((id) => changeTo(id, 'completed')))
      await store.findMany(two)
      await store.advance([changeTo(jobId, 'stored', { sizeBytes: 1000, durationS: 3 })])
      await store.advance([changeTo(jobId, 'queued')])
      await store.advance([changeTo(jobId, 'completed')])
      await store.find(jobId)
    }
    const { rows } = await sql<{ statement: string; generic: number; custom: number }>`
      select statement, generic_plans::integer as generic, custom_plans::integer as custom
      from pg_prepared_statements where generic_plans + custom_plans >= ${EXECUTIONS}::integer`.execute(db)
    const kinds = rows.map(({ statement }) => {
      const kind = /insert into jobs|moved as|update jobs|select/.exec(
        statement.replace(/.*locked as[^)]*\)/s, ''),
      )?.[0]
      return `${kind}${statement.includes('unnest') ? ' of many' : ''}`
    })
    assert.deepEqual(
      kinds.sort(),
      ['insert into jobs', 'moved as', 'select', 'update jobs'].flatMap((kind) => [kind, `${kind} of many`]),
    )
    for (const { statement, custom } of rows) assert.equal(custom, PLANNED_ANYWAY, statement)
  })
})

test('ends of lately are found by an index, however long the history', { skip: skipWithoutPostgres }, async () => {
  const db = openDatabase({ url: (await createTestDatabase()).url, poolSize: 1 })
  after(() => db.destroy())
  await migrateDatabase(db)
  const jobs = Array.from({ length: 300 }, (_, i) => newJob({ owner: `owner-${i % 3}` }))
  await createJobs(db, jobs)
  await createJobStore(db).advance(jobs.map(({ jobId }) => changeTo(jobId, 'completed')))
  await sql`update jobs set finished_at = finished_at - interval '1 day' where job_id::text < ${jobs[290]!.jobId}`.execute(
    db,
  )
  await sql`analyze jobs`.execute(db)
  const explaining = {
    executeQuery: ({ sql: text, parameters }: CompiledQuery) =>
      db.executeQuery(CompiledQuery.raw(`explain ${text}`, [...parameters])),
  } as unknown as typeof db
  const lists = [{ owner: 'owner-0', after: { jobId: jobs[0]!.jobId, finishedAt: new Date() } }, { owner: 'owner-1' }]
  const rows = await findEndedRows(explaining, { lists, withinS: 900, mostOfEach: 500 })
  const plan = rows.map((row) => Object.values(row)[0]).join('\n')
  assert.match(plan, /Index Scan (using|on) jobs_ended_of_owner.*Index Cond: .*owner = o\.owner.*finished_at > /s)
  assert.doesNotMatch(plan, /Seq Scan/)
})
