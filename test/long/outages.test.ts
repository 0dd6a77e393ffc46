import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { findFreePort } from '../../src/embedded/free-port.ts'
import { startRedisServer } from '../../src/embedded/redis-server.ts'
import { openEvents } from '../support/events.ts'
import { ALL_ROLES, FAST, statusAtEnd, uploadTone } from '../support/outages.ts'
import { createTestDatabase, skipWithoutPostgres } from '../support/postgres.ts'
import { toneWav } from '../support/recordings.ts'
import { getJson, openTestPlaces, startTestSystem, TEST_KEY, uploadRaw } from '../support/system.ts'
import { startTcpProxy } from '../support/tcp-proxy.ts'

const WAV = toneWav()

test('while Redis is away an upload is accepted all the same, and completes when it is back', async () => {
  const { places, env, redis } = await openTestPlaces()
  const system = await startTestSystem(ALL_ROLES, places, { ...env, ...FAST })
  assert.equal(await statusAtEnd(system, (await uploadTone(system)).job_id), 'completed')
  await redis.stop()
  const job = await uploadTone(system)
  assert.deepEqual([job.status, job.event_cursor], ['stored', null])
  const stream = await openEvents(`${system.url}/v1/jobs/${job.job_id}/events`, TEST_KEY)
  await stream.ended
  assert.match(stream.text(), /^(retry: \d+\n\n){2}$/)
  await redis.start()
  assert.equal(await statusAtEnd(system, job.job_id), 'completed')
  await system.stop()
})

test('an upload is accepted when Redis was never up', async () => {
  const { places, env } = await openTestPlaces()
  const nowhere = { ...places, redisUrl: `redis://127.0.0.1:${await findFreePort()}` }
  const system = await startTestSystem(['api'], nowhere, env)
  const job = await uploadTone(system)
  assert.deepEqual([job.status, job.event_cursor], ['stored', null])
  await system.stop()
})

test('a Redis that comes back empty loses no job', async () => {
  const { places, env, redis } = await openTestPlaces()
  const system = await startTestSystem(['api'], places, { ...env, ...FAST })
  const jobs = await Promise.all(Array.from({ length: 20 }, () => uploadTone(system)))
  assert.ok(jobs.every(({ status }) => status === 'queued'))
  await redis.kill()
  await redis.start()
  system.start(['forward', 'analyse', 'record', 'reconcile'])
  const ends = await Promise.all(jobs.map(({ job_id: jobId }) => statusAtEnd(system, jobId)))
  assert.deepEqual([...new Set(ends)], ['completed'])
  await system.stop()
})

test('a Redis that comes back with its data goes on where it was, and no stream has a gap', async (t) => {
  const { places, env } = await openTestPlaces()
  const dataDir = await mkdtemp(join(tmpdir(), 'tonewire-redis-'))
  const redis = await startRedisServer({ dataDir })
  const system = await startTestSystem(['api'], { ...places, redisUrl: redis.url }, env)
  const jobs = await Promise.all(Array.from({ length: 5 }, () => uploadTone(system)))
  const open = await openEvents(`${system.url}/v1/events`, TEST_KEY)
  await redis.stop()
  const again = await startRedisServer({ dataDir, port: redis.port })
  t.after(async () => {
    await again.stop()
    await rm(dataDir, { recursive: true })
  })
  // Without a reconciler: what waited in Redis is what goes on.
  system.start(['forward', 'analyse', 'record'])
  for (const { job_id: jobId, event_cursor: cursor } of jobs) {
    const events = await eventsAfter(system, jobId, cursor)
    assert.equal(events.at(-1)?.data.status, 'completed')
    assert.ok(events.every(({ event }) => event !== 'gap'))
    await open.waitFor(({ event, data }) => event === 'completed' && data.job_id === jobId)
  }
  assert.ok(open.events.every(({ event }) => event !== 'gap'))
  open.close()
  await system.stop()
})

test('while S3 is away an upload is a 503 with Retry-After, and nothing is left behind', async () => {
  const { places, env, aws } = await openTestPlaces()
  const proxy = await startTcpProxy(Number(new URL(aws.endpoint).port))
  const away = { ...places, awsEndpointUrl: `http://127.0.0.1:${proxy.port}` }
  const system = await startTestSystem(['api'], away, env)
  await proxy.stop()
  const response = await uploadRaw(system.url, WAV)
  const problem = (await response.json()) as Record<string, unknown>
  assert.deepEqual([response.status, problem.code], [503, 'storage-unavailable'])
  assert.ok(Number(response.headers.get('retry-after')) > 0)
  const counts = await system.ports.jobs.countByStatus()
  assert.deepEqual(
    counts.filter(({ count }) => count > 0),
    [],
  )
  assert.equal((await getJson(`${system.url}/readyz`)).status, 503)
  assert.equal((await getJson(`${system.url}/livez`)).status, 200)
  await proxy.start()
  assert.equal((await uploadRaw(system.url, WAV)).status, 202)
  await system.stop()
})

test('while PostgreSQL is away an upload is a 503, and works when it is back', {
  skip: skipWithoutPostgres,
}, async () => {
  const { places, env } = await openTestPlaces()
  const { url } = await createTestDatabase()
  const proxy = await startTcpProxy(Number(new URL(url).port))
  const through = new URL(url)
  through.port = String(proxy.port)
  const system = await startTestSystem(['api'], { ...places, database: { url: through.href } }, env)
  assert.equal((await uploadRaw(system.url, WAV)).status, 202)
  await proxy.stop()
  const response = await uploadRaw(system.url, WAV)
  const problem = (await response.json()) as Record<string, unknown>
  assert.deepEqual([response.status, problem.code], [503, 'database-unavailable'])
  assert.equal((await getJson(`${system.url}/readyz`)).status, 503)
  await proxy.start()
  assert.equal((await uploadRaw(system.url, WAV)).status, 202)
  await system.stop()
})

/** What a stream brings after a cursor, opened again, as a browser would, while the API has no Redis. */
async function eventsAfter({ url }: { url: string }, jobId: unknown, cursor: unknown) {
  for (;;) {
    const headers = { 'last-event-id': String(cursor) }
    const stream = await openEvents(`${url}/v1/jobs/${jobId}/events`, TEST_KEY, headers)
    await stream.ended
    if (stream.events.length > 0) return stream.events
  }
}
