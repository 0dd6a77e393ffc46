import assert from 'node:assert/strict'
import { after, describe, test } from 'node:test'
import { sql } from 'kysely'
import type { Database } from '../../src/storage/database.ts'
import { describeRouteComparison } from '../contracts/route-comparison.ts'
import { addVersion } from '../contracts/route-comparison-suite.ts'
import { openEmbedded } from '../support/embedded.ts'
import { createTestDatabase, skipWithoutPostgres } from '../support/postgres.ts'
import { openRouteComparison } from '../support/route-comparison.ts'
import { openMigrated } from '../support/storage.ts'

const embedded = await openEmbedded()
const [postgres, large] =
  skipWithoutPostgres === false
    ? [await openMigrated(await createTestDatabase()), await openMigrated(await createTestDatabase())]
    : [embedded, embedded]
const opened = new Set([embedded, postgres, large])
after(() => Promise.all([...opened].map((db) => db.destroy())))

const openOn = (db: Database) => async () => ({ ...openRouteComparison(db), close: async () => {} })
describeRouteComparison('the comparison of the routes in PGlite', openOn(embedded))
describeRouteComparison('the comparison of the routes in PostgreSQL', openOn(postgres), { skip: skipWithoutPostgres })

describe('of a large table the comparison reads its window only', { skip: skipWithoutPostgres }, () => {
  const ROWS = 20_000

  test('by the primary key, whichever of its statements it is', async () => {
    await fill(large, ROWS)
    const version = await addVersion(openRouteComparison(large), 3600)
    const plans = await explaining(large, async (watched) => {
      const { comparison } = openRouteComparison(watched)
      await comparison.figures(3600)
      await comparison.ownersBySide(version, 3600)
      await comparison.outcomes(version, { fromS: 0, toS: 3600, lateS: 300 })
    })
    const onJobs = plans.filter((plan) => plan.includes('on jobs'))
    assert.equal(onJobs.length, 5)
    for (const plan of onJobs) {
      assert.doesNotMatch(plan, /Seq Scan on jobs/, plan)
      assert.doesNotMatch(plan, /jobs_due_of_route[\s\S]*Sort/, plan)
    }
    const by = (index: string) => onJobs.filter((plan) => plan.includes(index)).length
    assert.deepEqual([by('jobs_pkey'), by('jobs_due_of_route')], [4, 1])
  })
})

/** Jobs of the last thirty days, all of them far apart; the older half has not ended. */
async function fill(db: Database, rows: number): Promise<void> {
  await sql`
    insert into jobs (job_id, owner, status, message, route, content_type, object_key, priority, metadata,
      upload_deadline_at, watched_from, created_at, begun_at, finished_at)
    select (lpad(to_hex((extract(epoch from at) * 1000)::bigint), 12, '0') || '7000' || lpad(to_hex(i), 16, '0'))::uuid,
      'owner-' || i % 1000, case when i > ${rows}::integer / 2 then 'stored' else 'completed' end, '',
      case when i % 2 = 0 then 'queue' else 'direct' end, 'audio/wav', 'k', 'normal', '{}', at, at, at, at,
      case when i > ${rows}::integer / 2 then null else at end
    from generate_series(1, ${rows}::integer) i
    cross join lateral (select now() - make_interval(secs => i * 30.0 * 86400 / ${rows}::integer) as at) t`.execute(db)
  await sql`analyze jobs`.execute(db)
}

/** The plans of all statements that are run with the database that `use` is given. */
async function explaining(db: Database, use: (watched: Database) => Promise<void>): Promise<string[]> {
  const plans: string[] = []
  const watched = db.withPlugin({
    transformQuery: ({ node }) => node,
    transformResult: async ({ result }) => result,
  })
  const executor = watched.getExecutor()
  const execute = executor.executeQuery.bind(executor)
  executor.executeQuery = async (query, ...rest) => {
    const explained = { ...query, sql: `explain ${query.sql}` }
    const { rows } = await execute<{ 'QUERY PLAN': string }>(explained, ...rest)
    plans.push(rows.map((row) => row['QUERY PLAN']).join('\n'))
    return execute(query, ...rest)
  }
  await use(watched)
  return plans
}
