/** docs/outages.md, the queues: each test takes one away in the way its title says, under a whole system. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Redis } from 'ioredis'
import { scrape, untilValue } from '../support/figures.ts'
import { isSqs, startFaultyEndpoint } from '../support/http-faults.ts'
import { ALL_ROLES, FAST, statusAtEnd, uploadTone } from '../support/outages.ts'
import { openTestPlaces, startTestSystem } from '../support/system.ts'
import { startTcpProxy } from '../support/tcp-proxy.ts'

const REDIS_UP = 'tonewire_dependency_up{dependency="redis"}'
const SQS_UP = 'tonewire_dependency_up{dependency="sqs"}'

test('every role starts while Redis is away, says so, and works when it comes', async () => {
  const { places, env, redis } = await openTestPlaces()
  const proxy = await startTcpProxy(redis.port)
  await proxy.stop()
  const away = { ...places, redisUrl: `redis://127.0.0.1:${proxy.port}` }
  const system = await startTestSystem(ALL_ROLES, away, { ...env, ...FAST })
  const job = await uploadTone(system)
  assert.deepEqual([job.status, job.event_cursor], ['stored', null])
  assert.equal((await scrape(system.url)).value(REDIS_UP), 0)
  await proxy.start()
  assert.equal(await statusAtEnd(system, job.job_id), 'completed')
  await untilValue(system.url, REDIS_UP, 1)
  await system.stop()
})

test('while Redis is out of memory uploads are accepted and wait in their rows, and complete when it has room', async () => {
  const { places, env, redis } = await openTestPlaces()
  const system = await startTestSystem(ALL_ROLES, places, { ...env, ...FAST })
  assert.equal(await statusAtEnd(system, (await uploadTone(system)).job_id), 'completed')
  const admin = new Redis(redis.url)
  await admin.config('SET', 'maxmemory', '1')
  const jobs = await Promise.all([1, 2, 3].map(() => uploadTone(system)))
  assert.deepEqual([...new Set(jobs.map(({ status }) => status))], ['stored'])
  assert.ok(Number((await scrape(system.url)).value('tonewire_dispatches_total{outcome="deferred"}')) >= 3)
  await admin.config('SET', 'maxmemory', '0')
  for (const { job_id: jobId } of jobs) assert.equal(await statusAtEnd(system, jobId), 'completed')
  admin.disconnect()
  await system.stop()
})

test('while SQS throttles everything waits, nothing is a dead letter, and all completes when it stops', async () => {
  const { places, env, aws } = await openTestPlaces()
  const endpoint = await startFaultyEndpoint(aws.endpoint)
  const through = { ...places, awsEndpointUrl: endpoint.url }
  const system = await startTestSystem(['api', 'forward', 'record', 'reconcile'], through, { ...env, ...FAST })
  const first = await uploadTone(system)
  await untilValue(system.url, 'tonewire_jobs{status="forwarded"}', 1)
  const answers = [
    {
      status: 400,
      body: JSON.stringify({ __type: 'com.amazonaws.sqs#ThrottlingException', message: 'Rate exceeded' }),
    },
    { status: 503, body: '<html>Service Unavailable</html>' },
  ]
  let met = 0
  endpoint.setFault((request) => (isSqs(request) ? answers[met++ % 2] : undefined))
  system.start(['analyse'])
  const second = await uploadTone(system)
  await endpoint.untilFaults(8)
  assert.equal((await scrape(system.url)).value(SQS_UP), 0)
  endpoint.setFault(() => undefined)
  for (const { job_id: jobId } of [first, second]) assert.equal(await statusAtEnd(system, jobId), 'completed')
  await untilValue(system.url, SQS_UP, 1)
  assert.deepEqual((await system.ports.analysisQueue.depth()).dead, 0)
  await system.stop()
})
