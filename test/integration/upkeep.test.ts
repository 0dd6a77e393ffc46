import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Redis } from 'ioredis'
import { sql } from 'kysely'
import type { LogEntry } from '../../src/ports.ts'
import { deleteOwners } from '../../src/services/delete-owner.ts'
import { purgeJobs } from '../../src/services/purge-jobs.ts'
import { sweepObjects } from '../../src/services/sweep-objects.ts'
import { openDatabase } from '../../src/storage/database.ts'
import { createArrivals } from '../contracts/arrivals.ts'
import { changeTo } from '../contracts/job-store-suite.ts'
import { toneWav } from '../support/recordings.ts'
import { getJson, openTestPlaces, startTestSystem, TEST_KEY, uploadRaw } from '../support/system.ts'

const WAV = toneWav({ seconds: 0.2 })
const ADMIN_KEY = 'test-key-of-ops'
const ZOE_KEY = 'test-key-of-zoe'
const ZOE = 'zoe@school|x'
const DAY_S = 86_400

const { places, env, redis } = await openTestPlaces()
const BOOTSTRAP_API_KEYS = `acme=${TEST_KEY},ops=${ADMIN_KEY}:admin,${ZOE}=${ZOE_KEY}`
const system = await startTestSystem(['api'], places, { ...env, BOOTSTRAP_API_KEYS })
const { ports } = system

async function upload(key = TEST_KEY, query = '?filename=%22t%C3%A4ke%22.wav'): Promise<string> {
  const response = await uploadRaw(system.url, WAV, { key, query })
  assert.equal(response.status, 202)
  return String(((await response.json()) as Record<string, unknown>).job_id)
}

const audioOf = (jobId: string, key = TEST_KEY) =>
  fetch(`${system.url}/v1/jobs/${jobId}/audio`, {
    redirect: 'manual',
    headers: { authorization: `Bearer ${key}` },
  })

async function putToken(key: string): Promise<void> {
  const form = new FormData()
  form.set('audio', new Blob([WAV]), 'a.wav')
  const headers = { authorization: `Bearer ${key}` }
  const response = await fetch(`${system.url}/v1/tokens/t1`, { method: 'PUT', body: form, headers })
  assert.ok(response.ok, await response.text())
}

async function keysUnder(prefix = ''): Promise<string[]> {
  return (await ports.objects.list(prefix, { limit: 1000 })).map(({ key }) => key)
}

test('the recording of an own job is read through a short-lived URL, under a safe name', async () => {
  const jobId = await upload()
  const response = await audioOf(jobId)
  assert.deepEqual([response.status, response.headers.get('cache-control')], [302, 'no-store'])
  const url = new URL(response.headers.get('location') ?? '')
  assert.equal(url.searchParams.get('X-Amz-Expires'), '60')
  assert.match(url.searchParams.get('response-content-disposition') ?? '', /^attachment; filename="[^"\r\n]*"/)
  const bytes = Buffer.from(await (await fetch(url)).arrayBuffer())
  assert.deepEqual(bytes, Buffer.from(WAV))
  assert.equal((await audioOf(jobId, ZOE_KEY)).status, 404)
  const { objectKey } = (await ports.jobs.find(jobId))!
  await ports.objects.delete(objectKey)
  const gone = await audioOf(jobId)
  assert.deepEqual([gone.status, ((await gone.json()) as { code: string }).code], [410, 'object-not-found'])
  await ports.jobs.advance([changeTo(jobId, 'cancelled')])
})

test('a purged job is still found; its result and recording are answered 410, and it is not retried', async () => {
  const jobId = await upload()
  await ports.jobs.advance([changeTo(jobId, 'completed')])
  // As if the days had passed: the retention's own age is what the test sets.
  const claim: typeof ports.retention.claim = (rules) => ports.retention.claim({ ...rules, ageS: 0 })
  const { objects, metrics, log, retention, deadLetters, timeline } = ports
  await purgeJobs(
    { objects, metrics, log, deadLetters, timeline, retention: { ...retention, claim } },
    { retentionDays: 1 },
  )
  const { status, body } = await getJson(`${system.url}/v1/jobs/${jobId}`)
  assert.deepEqual([status, body.status, body.filename, body.metadata], [200, 'completed', null, {}])
  const result = await getJson(`${system.url}/v1/jobs/${jobId}/result`)
  assert.deepEqual([result.status, result.body.code], [410, 'job-purged'])
  const audio = await audioOf(jobId)
  assert.deepEqual([audio.status, ((await audio.json()) as { code: string }).code], [410, 'job-purged'])
  const headers = { authorization: `Bearer ${TEST_KEY}` }
  const retried = await fetch(`${system.url}/v1/jobs/${jobId}/retry`, { method: 'POST', headers })
  assert.equal(retried.status, 410)
  assert.deepEqual(
    (await keysUnder()).filter((key) => key.includes(jobId)),
    [],
  )
})

test('a sweep of real stores removes what no row needs, and nothing else', async () => {
  const jobId = await upload()
  await putToken(TEST_KEY)
  await putToken(TEST_KEY)
  const before = await keysUnder()
  assert.equal((await keysUnder('references/acme/t1/')).length, 2)
  const orphan = `audio/acme/2026/01/02/00000000-0000-7000-8000-000000000000.wav`
  await ports.objects.putBytes(orphan, WAV, 'audio/wav')
  const aged: typeof ports.objects.list = async (...args) =>
    (await ports.objects.list(...args)).map((object) => ({
      ...object,
      modifiedAt: new Date(+object.modifiedAt - 2 * DAY_S * 1000),
    }))
  const { sweeps, jobs, progress, timeline, metrics, log } = ports
  const objects = { ...ports.objects, list: aged }
  await sweepObjects(
    { sweeps, jobs, progress, timeline, metrics, log, objects },
    { intervalS: 0, graceS: DAY_S, pageSize: 2 },
  )
  const after = await keysUnder()
  assert.equal(after.includes(orphan), false)
  const { objectKey } = (await ports.jobs.find(jobId))!
  const reference = (await ports.tokens.find('acme', 't1'))!
  assert.deepEqual(
    after.filter((key) => key.startsWith('references/')),
    [reference.audioKey],
  )
  assert.ok(after.includes(objectKey))
  assert.equal(before.length - after.length, 1, 'the replaced reference')
})

test('the reconciler deletes an owner: nothing of theirs is left anywhere, and others keep theirs', async () => {
  const kept = await upload()
  const [ended, waiting] = [await upload(ZOE_KEY), await upload(ZOE_KEY, '?callback_url=https%3A%2F%2Fa.example%2F')]
  await putToken(ZOE_KEY)
  await ports.jobs.advance([changeTo(ended, 'completed')])
  await ports.ownerSecrets.find(ZOE)
  await ports.objects.putBytes(`results/${encodeURIComponent(ZOE)}/${ended}/x.json`, WAV, 'application/json')
  const steps = createArrivals<LogEntry>()
  const listener = { onEntry: (entry: LogEntry) => steps.add(entry), onInterrupted: () => {} }
  const unsubscribe = await ports.progress.subscribe(ZOE, listener)
  const path = `${system.url}/v1/admin/owners/${encodeURIComponent(ZOE)}`
  const call = (key: string) => fetch(path, { method: 'DELETE', headers: { authorization: `Bearer ${key}` } })
  assert.equal((await call(ZOE_KEY)).status, 403)
  const first = await call(ADMIN_KEY)
  const summary = (await first.json()) as Record<string, unknown>
  assert.deepEqual([first.status, summary.owner, summary.jobs, summary.keys], [202, ZOE, 2, 1])
  assert.equal((await getJson(`${system.url}/v1/jobs`, ZOE_KEY)).status, 401)
  const again = (await (await call(ADMIN_KEY)).json()) as Record<string, unknown>
  assert.deepEqual([again.requested_at, again.keys], [summary.requested_at, 0])
  // A pass that dies half-way, with the rows of the jobs still there.
  const down = () => Promise.reject(new Error('killed'))
  await deleteOwners({ ...pick(), progress: { ...ports.progress, forget: down } }, { settleS: 0, retryS: 0 })
  system.start(['reconcile'])
  await steps.until(() => steps.items.some(({ event }) => event.jobId === waiting && event.status === 'cancelled'))
  unsubscribe()
  while ((await ports.jobs.findMany([ended, waiting])).length > 0);
  assert.ok(await isBeingDeleted(ZOE), 'until the keys are forgotten everywhere')
  // What the reconciler does once that time is over.
  const claim = async () => [{ owner: ZOE, requestedAt: new Date() }]
  await deleteOwners({ ...pick(), ownerDeletions: { ...ports.ownerDeletions, claim } }, { settleS: 0 })
  assert.equal(await isBeingDeleted(ZOE), false)
  assert.equal((await ports.jobs.find(kept))?.status, 'queued')
  const left = (await keysUnder()).filter((key) => key.includes(encodeURIComponent(ZOE)))
  assert.deepEqual([left, await redisKeysWith('zoe')], [[], []])
  assert.ok((await redisKeysWith('acme')).length > 0)
  await system.stop()
  assert.deepEqual(await rowsWith('zoe'), [])
  assert.ok((await rowsWith(kept)).length > 0)
})

test('a restart brings the keys of a deleted owner not back; a new key of the owner does, with nothing of before', async () => {
  const newKey = 'new-key-of-zoe'
  const keys = `${ZOE}=${ZOE_KEY},${ZOE}=${newKey},acme=${TEST_KEY}`
  const restarted = await startTestSystem(['api'], places, { ...env, BOOTSTRAP_API_KEYS: keys })
  const jobsOf = (key: string) => getJson(`${restarted.url}/v1/jobs`, key)
  assert.equal((await jobsOf(ZOE_KEY)).status, 401)
  const { status, body } = await jobsOf(newKey)
  assert.deepEqual([status, body.items], [200, []])
  assert.equal((await jobsOf(TEST_KEY)).status, 200)
  await restarted.stop()
})

async function isBeingDeleted(owner: string): Promise<boolean> {
  return !(await ports.ownerDeletions.end(owner, 1e6))
}

function pick() {
  const { ownerDeletions, jobs, objects, jobQueue, progress, limits, metrics, log } = ports
  return { ownerDeletions, jobs, objects, jobQueue, progress, limits, metrics, log }
}

/** Keys whose name or value has this text. */
async function redisKeysWith(text: string): Promise<string[]> {
  const client = new Redis(redis.url)
  const found: string[] = []
  for (const key of await client.keys('*')) {
    const value = (await client.dumpBuffer(key))?.toString('latin1') ?? ''
    if (key.includes(text) || value.includes(text)) found.push(key)
  }
  client.disconnect()
  return found
}

/** Tables that have a row with this text in any column. */
async function rowsWith(text: string): Promise<string[]> {
  const db = openDatabase(places.database)
  const { rows: tables } = await sql<{ name: string }>`
    select table_name as name from information_schema.tables
    where table_schema = current_schema() and table_type = 'BASE TABLE'`.execute(db)
  const found: string[] = []
  for (const { name } of tables) {
    const { rows } = await sql`select 1 from ${sql.table(name)} t where t::text like ${`%${text}%`} limit 1`.execute(db)
    if (rows.length > 0) found.push(name)
  }
  await db.destroy()
  return found
}
