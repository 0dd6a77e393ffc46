import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createClient } from '../../src/client/tonewire.ts'
import { openEvents } from '../support/events.ts'
import { uploadTone } from '../support/outages.ts'
import { skipWithoutPostgres } from '../support/postgres.ts'
import { toneWav } from '../support/recordings.ts'
import { getJson, OTHER_KEY, openTestPlaces, startTestSystem, TEST_KEY, uploadRaw } from '../support/system.ts'
import { startTcpProxy } from '../support/tcp-proxy.ts'

const { places, env } = await openTestPlaces()
const PIPELINE = ['forward', 'analyse', 'record', 'reconcile'] as const
/** Streams come and go quickly, and an owner may have few. */
const LIMITS = { MAX_STREAMS_PER_OWNER: '3', MAX_STREAMS: '4' }
const system = await startTestSystem(['api', ...PIPELINE], places, { ...env, ...LIMITS })
// Both can open PostgreSQL, the embedded database one of them alone.
const other = skipWithoutPostgres ? system : await startTestSystem(['api'], places, env)
const ALL = `${system.url}/v1/events`
const isEnd = (jobId: unknown) => (event: { event: string | undefined; data: Record<string, unknown> }) =>
  event.event === 'completed' && event.data.job_id === jobId

test('one stream tells of every job of the owner, from its upload to its end, on any instance', async () => {
  const stream = await openEvents(ALL, TEST_KEY)
  const jobs = await Promise.all([system, other, system].map((place) => uploadTone(place)))
  for (const { job_id: jobId } of jobs) await stream.waitFor(isEnd(jobId))
  for (const { job_id: jobId } of jobs) {
    const steps = stream.events.filter(({ data }) => data.job_id === jobId)
    const progress = steps.map(({ data }) => Number(data.progress))
    assert.deepEqual(
      progress,
      [...progress].sort((a, b) => a - b),
    )
    // A job that was quicker than the stream's beginning comes with a snapshot first.
    assert.ok(steps[0]?.event === 'snapshot' || steps[0]?.data.status === 'uploading')
  }
  // Of several snapshots only the last has one.
  const ids = stream.events.flatMap(({ id }) => id ?? [])
  assert.equal(new Set(ids).size, ids.length)
  stream.close()
})

test('the cursor of the 202 leaves no gap between an upload and its stream, wherever that is', async () => {
  const { job_id: jobId, event_cursor: cursor } = await uploadTone(system)
  const later = await openEvents(`${other.url}/v1/events?last_event_id=${cursor}`, TEST_KEY)
  const end = await later.waitFor(isEnd(jobId))
  const again = await openEvents(ALL, TEST_KEY, { 'last-event-id': String(end.id) })
  const { job_id: next } = await uploadTone(system)
  await again.waitFor(isEnd(next))
  assert.ok(again.events.every(({ data }) => data.job_id === next))
  for (const stream of [later, again]) stream.close()
})

test('who names jobs gets these alone; another’s are not there, and nobody gets another’s events', async () => {
  const [{ job_id: one }, { job_id: two }] = [await uploadTone(system), await uploadTone(system)]
  const foreign = await openEvents(`${system.url}/v1/events`, OTHER_KEY)
  const named = await openEvents(`${ALL}?job_id=${one}&job_id=${String(two).toUpperCase()}`, TEST_KEY)
  const { job_id: unnamed } = await uploadTone(system)
  await named.waitFor(({ data }) => data.job_id === two && data.status === 'completed')
  await named.waitFor(({ data }) => data.job_id === one && data.status === 'completed')
  assert.ok(named.events.every(({ data }) => data.job_id !== unnamed))
  assert.deepEqual(foreign.events, [])
  for (const stream of [foreign, named]) stream.close()
  const refused = await getJson(`${system.url}/v1/events?job_id=${one}`, OTHER_KEY)
  assert.deepEqual([refused.status, refused.body.code], [404, 'job-not-found'])
  const unreadable = await getJson(`${ALL}?job_id=none`, TEST_KEY)
  assert.deepEqual([unreadable.status, unreadable.body.code], [400, 'request-invalid'])
})

test('an owner with as many streams as it may have is refused one more, and a full process says when to come', async () => {
  const { job_id: jobId } = await uploadTone(system)
  const streams = await Promise.all([1, 2, 3].map(() => openEvents(ALL, TEST_KEY)))
  for (const url of [ALL, `${system.url}/v1/jobs/${jobId}?wait_s=20`]) {
    const refused = await getJson(url, TEST_KEY)
    assert.deepEqual([refused.status, refused.body.code], [429, 'too-many-streams'])
    assert.match(String(refused.headers.get('retry-after')), /^\d+$/)
  }
  streams.push(await openEvents(ALL, OTHER_KEY))
  const refused = await getJson(`${system.url}/v1/jobs/${jobId}?wait_s=20`, TEST_KEY)
  assert.deepEqual([refused.status, refused.body.code], [503, 'streams-full'])
  assert.match(String(refused.headers.get('retry-after')), /^\d+$/)
  const full = await openEvents(ALL, OTHER_KEY)
  await full.ended
  assert.equal(full.status, 200)
  assert.match(full.text(), /^retry: \d{4,5}\n\n$/)
  for (const stream of streams) {
    stream.close()
    await stream.ended
  }
})

test('the typed client follows all jobs, and goes on where it was when its connection breaks', async () => {
  const proxy = await startTcpProxy(Number(new URL(system.url).port))
  const client = createClient({ url: `http://127.0.0.1:${proxy.port}`, key: TEST_KEY })
  const stopping = new AbortController()
  const { event_cursor: cursor } = (await getJson(`${system.url}/v1/jobs/${(await uploadTone(system)).job_id}`)).body
  const ended: unknown[] = []
  const jobs = [await uploadTone(system)]
  for await (const { event, data } of client.follow('all', { cursor: String(cursor), signal: stopping.signal })) {
    if (event !== 'completed') continue
    ended.push(data.job_id)
    if (data.job_id === jobs[1]?.job_id) break
    if (data.job_id !== jobs[0]?.job_id) continue
    await proxy.stop()
    jobs.push(await uploadTone(system))
    await proxy.start()
  }
  assert.equal(new Set(ended).size, ended.length)
  assert.deepEqual(
    ended.slice(-2),
    jobs.map(({ job_id: jobId }) => jobId),
  )
})

test('a job can be waited for, one change at a time, and none is missed', async () => {
  const accepted = await uploadTone(system)
  const self = `${system.url}/v1/jobs/${accepted.job_id}`
  const seen: [unknown, number][] = []
  let cursor = accepted.event_cursor
  for (let status: unknown = accepted.status; status !== 'completed'; ) {
    const { body } = await getJson(`${self}?wait_s=20&after=${cursor}`, TEST_KEY)
    seen.push([body.status, Number(body.progress)])
    ;[status, cursor] = [body.status, body.event_cursor]
  }
  const progress = seen.map(([, percentage]) => percentage)
  assert.deepEqual(
    progress,
    [...progress].sort((a, b) => a - b),
  )
  const ended = await getJson(`${self}?wait_s=25&after=${cursor}`, TEST_KEY)
  assert.equal(ended.body.status, 'completed')
})

test('who waits in vain is told how things stand; a cursor that is none, or too long a wait, is said', async () => {
  const quiet = await startTestSystem(['api'], places, env)
  const response = await uploadRaw(quiet.url, toneWav(), { query: '?not_before=2030-01-01T00:00:00Z' })
  const job = (await response.json()) as Record<string, unknown>
  const self = `${quiet.url}/v1/jobs/${job.job_id}`
  const settled = await getJson(self, TEST_KEY)
  const { body } = await getJson(`${self}?wait_s=1&after=${settled.body.event_cursor}`, TEST_KEY)
  assert.deepEqual([body.status, body.event_cursor], [settled.body.status, settled.body.event_cursor])
  assert.equal((await getJson(`${self}?wait_s=26`, TEST_KEY)).status, 400)
  await quiet.stop()
})
