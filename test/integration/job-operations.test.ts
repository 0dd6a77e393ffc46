import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Redis } from 'ioredis'
import type { LogEntry } from '../../src/ports.ts'
import { createArrivals } from '../contracts/arrivals.ts'
import { changeTo, ERROR } from '../contracts/job-store-suite.ts'
import { openEvents } from '../support/events.ts'
import { toneWav } from '../support/recordings.ts'
import { getJson, OTHER_KEY, openTestPlaces, startTestSystem, TEST_KEY, uploadRaw } from '../support/system.ts'

const WAV = toneWav({ seconds: 0.2 })
const WINDOW = 5
const { places, env, redis } = await openTestPlaces()
// Rows are looked at soon, so that what a flush took away comes back while a test waits.
const rules = { FORWARD_WINDOW: String(WINDOW), FORWARD_WINDOW_PER_OWNER: String(WINDOW), STALLED_AFTER_S: '0.1' }
const system = await startTestSystem(['api'], places, { ...env, ...rules })

type Body = Record<string, unknown>

async function upload(query = ''): Promise<string> {
  const response = await uploadRaw(system.url, WAV, { query })
  assert.equal(response.status, 202)
  return String(((await response.json()) as Body).job_id)
}

async function post(path: string, key = TEST_KEY): Promise<{ status: number; body: Body }> {
  const response = await fetch(`${system.url}${path}`, { method: 'POST', headers: { authorization: `Bearer ${key}` } })
  return { status: response.status, body: (await response.json()) as Body }
}

const list = async (query: string) => getJson(`${system.url}/v1/jobs${query}`)
const itemsOf = ({ body }: { body: Body }) => body.items as Body[]
const idsOf = (answer: { body: Body }) => itemsOf(answer).map(({ job_id }) => job_id)

test('an owner lists jobs page by page, narrowed by status, token and text', async () => {
  const ids: string[] = []
  for (const take of [1, 2, 3]) ids.unshift(await upload(`?filename=take${take}.wav&token_id=listed`))
  const first = await list('?token_id=listed&limit=2')
  assert.deepEqual(idsOf(first), ids.slice(0, 2))
  const second = await list(`?token_id=listed&limit=2&cursor=${first.body.next_cursor}`)
  assert.deepEqual([idsOf(second), second.body.next_cursor], [ids.slice(2), null])
  assert.deepEqual(idsOf(await list('?token_id=listed&q=TAKE2')), [ids[1]])
  assert.equal(itemsOf(await list('?token_id=listed&status=queued&status=stored')).length, 3)
  assert.equal(itemsOf(await list('?token_id=listed&status=queued,completed')).length, 3)
  assert.deepEqual(idsOf(await list('?token_id=listed&status=failed')), [])
  const other = await getJson(`${system.url}/v1/jobs?token_id=listed`, OTHER_KEY)
  assert.deepEqual(other.body, { items: [], next_cursor: null })
})

test('a query that is wrong is refused with what is wrong', async () => {
  for (const query of ['status=done', 'status=', 'limit=0', 'limit=101', 'limit=x', 'cursor=x', 'token_id=%20']) {
    const { status, body } = await list(`?${query}`)
    assert.deepEqual([status, body.code], [400, 'request-invalid'], query)
  }
})

test('a job is cancelled once, by its owner, and its stream ends with that', async () => {
  const jobId = await upload()
  const stream = await openEvents(`${system.url}/v1/jobs/${jobId}/events`, TEST_KEY)
  await stream.waitFor(({ event }) => event === 'snapshot')
  assert.equal((await post(`/v1/jobs/${jobId}/cancel`, OTHER_KEY)).status, 404)
  const waiting = (await system.ports.jobQueue.counts()).waiting
  const { status, body } = await post(`/v1/jobs/${jobId}/cancel`)
  assert.deepEqual([status, body.status], [200, 'cancelled'])
  assert.equal((await system.ports.jobQueue.counts()).waiting, waiting - 1)
  await stream.ended
  assert.equal(stream.events.at(-1)?.event, 'cancelled')
  const again = await post(`/v1/jobs/${jobId}/cancel`)
  assert.deepEqual([again.status, again.body.code], [409, 'job-terminal'])
})

test('a failed job is retried into its next attempt; what cannot be retried says why', async () => {
  const jobId = await upload()
  assert.deepEqual((await post(`/v1/jobs/${jobId}/retry`)).body.code, 'job-not-retryable')
  await system.ports.jobs.advance([changeTo(jobId, 'failed', { error: ERROR })])
  assert.equal((await post(`/v1/jobs/${jobId}/retry`, OTHER_KEY)).status, 404)
  const { status, body } = await post(`/v1/jobs/${jobId}/retry`)
  assert.deepEqual([status, body.status, body.attempt, body.error], [202, 'queued', 2, null])
  await system.ports.jobs.advance([changeTo(jobId, 'failed', { attempt: 2 })])
  const row = await system.ports.jobs.find(jobId)
  await system.ports.objects.delete(row!.objectKey)
  const gone = await post(`/v1/jobs/${jobId}/retry`)
  assert.deepEqual([gone.status, gone.body.code], [410, 'object-not-found'])
})

test('above the window jobs wait in Redis, where a high one overtakes; all of them end', async () => {
  const steps = createArrivals<LogEntry['event']>()
  const listener = { onEntry: ({ event }: LogEntry) => steps.add(event), onInterrupted: () => {} }
  const unsubscribe = await system.ports.progress.subscribe('acme', listener)
  const idsIn = (wanted: string) => steps.items.filter(({ status }) => status === wanted).map(({ jobId }) => jobId)
  const low: string[] = []
  for (let made = 0; made < 20; made += 1) low.push(await upload('?priority=low'))
  system.start(['forward'])
  await steps.until(() => idsIn('forwarded').length >= WINDOW)
  const high = await upload('?priority=high')
  assert.equal(idsIn('forwarded').length, WINDOW)
  system.start(['analyse', 'record', 'reconcile'])
  await steps.until(() => [...low, high].every((jobId) => idsIn('completed').includes(jobId)))
  assert.ok(idsIn('forwarded').indexOf(high) <= WINDOW + 1, 'the high one is among the next')
  unsubscribe()
})

test('a job with a time of its own keeps it through a flush of Redis', async () => {
  const notBefore = new Date(Date.now() + 2000)
  const jobId = await upload(`?not_before=${notBefore.toISOString()}`)
  const client = new Redis(redis.url)
  await client.flushall()
  client.disconnect()
  const stream = await openEvents(`${system.url}/v1/jobs/${jobId}/events`, TEST_KEY)
  const begun = await stream.waitFor(({ data }) => data.status === 'forwarded')
  assert.ok(new Date(String(begun.data.at)) >= notBefore, `${begun.data.at} is before ${notBefore.toISOString()}`)
  await stream.ended
  assert.equal(stream.events.at(-1)?.event, 'completed')
})
