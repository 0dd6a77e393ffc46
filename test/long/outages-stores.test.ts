/** docs/outages.md, the stores under jobs in flight: each test takes one away in the way its title says. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import pg from 'pg'
import { TOPOLOGY } from '../../infra/topology.ts'
import { scrape, untilValue } from '../support/figures.ts'
import { isSqs, startFaultyEndpoint } from '../support/http-faults.ts'
import { ALL_ROLES, FAST, statusAtEnd, uploadTone } from '../support/outages.ts'
import { createTestDatabase, skipWithoutPostgres } from '../support/postgres.ts'
import { openTestPlaces, startTestSystem } from '../support/system.ts'
import { startTcpProxy } from '../support/tcp-proxy.ts'

const upOf = (dependency: string) => `tonewire_dependency_up{dependency="${dependency}"}`

test('S3 away during the analysis brings the order back, makes no dead letter and fails nothing', async () => {
  const { places, env, aws } = await openTestPlaces()
  const endpoint = await startFaultyEndpoint(aws.endpoint)
  const system = await startTestSystem(
    ['api', 'forward', 'record', 'reconcile'],
    { ...places, awsEndpointUrl: endpoint.url },
    { ...env, ...FAST },
  )
  const jobs = await Promise.all([1, 2, 3].map(() => uploadTone(system)))
  await untilValue(system.url, 'tonewire_jobs{status="forwarded"}', 3)
  endpoint.setFault((request) => (isSqs(request) ? undefined : 'cut'))
  system.start(['analyse'])
  // Each request is tried three times: six of them, more than the receives that a message has.
  await endpoint.untilFaults(18)
  assert.equal((await scrape(system.url)).value(upOf('storage')), 0)
  const depth = await system.ports.analysisQueue.depth()
  assert.equal(depth.dead, 0)
  endpoint.setFault(() => undefined)
  for (const { job_id: jobId } of jobs) assert.equal(await statusAtEnd(system, jobId), 'completed')
  await untilValue(system.url, upOf('storage'), 1)
  await system.stop()
})

test('S3 that answers, but gives no recording out, uses up no order however long it lasts, and fails nothing', async () => {
  const { places, env, aws } = await openTestPlaces()
  const endpoint = await startFaultyEndpoint(aws.endpoint)
  const system = await startTestSystem(ALL_ROLES, { ...places, awsEndpointUrl: endpoint.url }, { ...env, ...FAST })
  endpoint.setFault(({ method, url }) =>
    method === 'GET' && url?.includes('/audio/')
      ? { status: 503, body: '<Error><Code>SlowDown</Code></Error>' }
      : undefined,
  )
  const jobs = await Promise.all([1, 2].map(() => uploadTone(system)))
  // Each read is tried three times: seven reads of each order, more than the receives that a message has.
  await endpoint.untilFaults(2 * 3 * (TOPOLOGY.analysisQueue.maxReceiveCount + 2))
  assert.equal((await scrape(system.url)).value('tonewire_jobs{status="analysing"}'), 2)
  assert.deepEqual(await system.ports.deadLetters.list({}, { limit: 1 }), [])
  endpoint.setFault(() => undefined)
  for (const { job_id: jobId } of jobs) assert.equal(await statusAtEnd(system, jobId), 'completed')
  await system.stop()
})

test('a PostgreSQL that is restarted with jobs in flight fails none, and says so while it is away', {
  skip: skipWithoutPostgres,
}, async () => {
  const { places, env } = await openTestPlaces()
  const { url } = await createTestDatabase()
  const proxy = await startTcpProxy(Number(new URL(url).port))
  const through = new URL(url)
  through.port = String(proxy.port)
  const system = await startTestSystem(
    ALL_ROLES,
    { ...places, database: { url: through.href } },
    { ...env, ...FAST, STALLED_AFTER_S: '1' },
  )
  const jobs = await Promise.all(Array.from({ length: 10 }, () => uploadTone(system)))
  await proxy.stop()
  assert.equal((await scrape(system.url)).value(upOf('database')), 0)
  await proxy.start()
  for (const { job_id: jobId } of jobs) assert.equal(await statusAtEnd(system, jobId), 'completed')
  await untilValue(system.url, upOf('database'), 1)
  await system.stop()
})

/** Makes every session of a database read-only from now on, or none, as a primary that changes its part does. */
async function takeWrites(url: string, isTaking: boolean): Promise<void> {
  const admin = new pg.Client({ connectionString: url, options: '-c default_transaction_read_only=off' })
  await admin.connect()
  const name = new URL(url).pathname.slice(1)
  await admin.query(`alter database ${name} set default_transaction_read_only = ${isTaking ? 'off' : 'on'}`)
  await admin.query(`select pg_terminate_backend(pid) from pg_stat_activity
    where datname = current_database() and pid <> pg_backend_pid()`)
  await admin.end()
}

test('a PostgreSQL that takes no writes uses up no order, and fails nothing', {
  skip: skipWithoutPostgres,
}, async () => {
  const { places, env, aws } = await openTestPlaces()
  const { url } = await createTestDatabase()
  const endpoint = await startFaultyEndpoint(aws.endpoint)
  const system = await startTestSystem(
    ['api', 'forward', 'record', 'reconcile'],
    { ...places, database: { url }, awsEndpointUrl: endpoint.url },
    { ...env, ...FAST },
  )
  const { job_id: jobId } = await uploadTone(system)
  await untilValue(system.url, 'tonewire_jobs{status="forwarded"}', 1)
  const renewed = Promise.withResolvers<void>()
  let sends = 0
  endpoint.setFault(({ headers }) => {
    if (/SendMessage/.test(String(headers['x-amz-target'])) && ++sends === 2) renewed.resolve()
    return undefined
  })
  await takeWrites(url, false)
  system.start(['analyse'])
  await renewed.promise
  await takeWrites(url, true)
  assert.equal(await statusAtEnd(system, jobId), 'completed')
  assert.deepEqual(await system.ports.deadLetters.list({}, { limit: 1 }), [])
  await system.stop()
})
