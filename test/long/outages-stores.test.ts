/** docs/outages.md, the stores under jobs in flight: each test takes one away in the way its title says. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
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
