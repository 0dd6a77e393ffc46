import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { test } from 'node:test'
import { openEvents } from '../support/events.ts'
import { toneWav } from '../support/recordings.ts'
import { getJson, OTHER_KEY, openTestPlaces, startTestSystem, TEST_KEY, uploadRaw } from '../support/system.ts'

const WAV = toneWav()
const { places, env } = await openTestPlaces()
const system = await startTestSystem(['api', 'forward', 'analyse', 'record', 'reconcile'], places, env)

async function upload(query = ''): Promise<Record<string, unknown>> {
  const response = await uploadRaw(system.url, WAV, { query })
  assert.equal(response.status, 202)
  return (await response.json()) as Record<string, unknown>
}

async function finish(jobId: unknown): Promise<void> {
  const stream = await openEvents(`${system.url}/v1/jobs/${jobId}/events`, TEST_KEY)
  await stream.ended
}

test('a raw upload is answered with its job, and its analysis comes out at the end', async () => {
  const job = await upload('?token_id=greeting-1&metadata=%7B%22take%22%3A3%7D&filename=take3.wav')
  assert.equal(job.owner, 'acme')
  assert.equal(job.token_id, 'greeting-1')
  assert.equal(job.filename, 'take3.wav')
  assert.deepEqual(job.metadata, { take: 3 })
  assert.equal(job.size_bytes, WAV.length)
  assert.equal(job.sha256, createHash('sha256').update(WAV).digest('hex'))
  await finish(job.job_id)
  const { body: done } = await getJson(`${system.url}/v1/jobs/${job.job_id}`)
  assert.equal(done.status, 'completed')
  assert.equal(done.progress, 100)
  assert.equal(done.duration_s, 0.6)
  const { body: result } = await getJson(`${system.url}/v1/jobs/${job.job_id}/result`)
  const pitch = result.pitch as { median_hz: number; voiced_ratio: number }
  assert.ok(pitch.median_hz > 180 && pitch.median_hz < 220, `median ${pitch.median_hz}`)
  assert.ok(pitch.voiced_ratio > 0.9)
  assert.equal(result.job_id, job.job_id)
  assert.equal((result.comparison as { reason: string }).reason, 'no-reference')
})

test('a multipart upload takes its fields before the file', async () => {
  const form = new FormData()
  form.append('token_id', 'greeting-2')
  form.append('priority', 'high')
  form.append('file', new Blob([WAV], { type: 'audio/wav' }), 'my take.wav')
  const headers = { authorization: `Bearer ${TEST_KEY}` }
  const response = await fetch(`${system.url}/v1/jobs`, { method: 'POST', headers, body: form })
  assert.equal(response.status, 202)
  const job = (await response.json()) as Record<string, unknown>
  assert.equal(response.headers.get('location'), `/v1/jobs/${job.job_id}`)
  assert.deepEqual([job.token_id, job.priority, job.filename], ['greeting-2', 'high', 'my take.wav'])
  await finish(job.job_id)
})

test('the existing endpoint answers 200 with message, job_id and status', async () => {
  const form = new FormData()
  form.append('file', new Blob([WAV]), 'take.wav')
  const headers = { authorization: `Bearer ${TEST_KEY}` }
  const response = await fetch(`${system.url}/42/upload-audio`, { method: 'POST', headers, body: form })
  assert.equal(response.status, 200)
  const job = (await response.json()) as Record<string, unknown>
  assert.equal(job.token_id, '42')
  assert.ok(typeof job.message === 'string' && typeof job.status === 'string')
  await finish(job.job_id)
})

test('following from the upload’s cursor shows every status once, in order, and then ends', async () => {
  const job = await upload()
  const url = `${system.url}/v1/jobs/${job.job_id}/events`
  const stream = await openEvents(url, TEST_KEY, { 'last-event-id': String(job.event_cursor) })
  await stream.ended
  assert.match(stream.text(), /^retry: \d+\n\n/)
  assert.match(stream.headers.get('content-type') ?? '', /^text\/event-stream/)
  const statuses = stream.events.map(({ data }) => data.status).filter((status, i, all) => status !== all[i - 1])
  assert.deepEqual(statuses, ['queued', 'forwarded', 'analysing', 'completed'])
  const progress = stream.events.map(({ data }) => Number(data.progress))
  assert.deepEqual(
    progress,
    [...progress].sort((a, b) => a - b),
  )
  assert.equal(new Set(stream.events.map(({ id }) => id)).size, stream.events.length)
  assert.equal(stream.events.at(-1)?.event, 'completed')
})

test('who comes late gets the terminal snapshot and the end; who has seen it is told to stop', async () => {
  const job = await upload()
  const url = `${system.url}/v1/jobs/${job.job_id}/events`
  await finish(job.job_id)
  const late = await openEvents(url, TEST_KEY)
  await late.ended
  assert.deepEqual(
    late.events.map(({ event, data }) => [event, data.status]),
    [['snapshot', 'completed']],
  )
  const again = await openEvents(url, TEST_KEY, { 'last-event-id': String(late.events[0]?.id) })
  assert.equal(again.status, 204)
  const byQuery = await openEvents(`${url}?last_event_id=${late.events[0]?.id}`, TEST_KEY)
  assert.equal(byQuery.status, 204)
})

test('a cursor of another epoch gets a gap, then a snapshot', async () => {
  const job = await upload()
  await finish(job.job_id)
  const stream = await openEvents(`${system.url}/v1/jobs/${job.job_id}/events`, TEST_KEY, {
    'last-event-id': 'other.5',
  })
  await stream.ended
  assert.deepEqual(
    stream.events.map(({ event }) => event),
    ['gap', 'snapshot'],
  )
  assert.equal(stream.events[0]?.id, undefined)
})

test('one owner sees nothing of another’s job', async () => {
  const { job_id: jobId } = await upload()
  for (const path of ['', '/events', '/result']) {
    const { status, body } = await getJson(`${system.url}/v1/jobs/${jobId}${path}`, OTHER_KEY)
    assert.deepEqual([status, body.code], [404, 'job-not-found'], path)
  }
  await finish(jobId)
})

test('a recording that cannot be analysed ends as failed, with a reason, and has no result', async () => {
  const broken = Buffer.concat([WAV.subarray(0, 36), Buffer.from('junk')])
  const response = await uploadRaw(system.url, broken)
  assert.equal(response.status, 202)
  const { job_id: jobId } = (await response.json()) as { job_id: string }
  const stream = await openEvents(`${system.url}/v1/jobs/${jobId}/events`, TEST_KEY)
  const failed = await stream.waitFor(({ data }) => data.status === 'failed')
  await stream.ended
  const error = failed.data.error as Record<string, unknown>
  assert.equal(error.code, 'recording-undecodable')
  assert.equal(error.stage, 'analysing')
  const { status, body } = await getJson(`${system.url}/v1/jobs/${jobId}/result`)
  assert.deepEqual([status, body.code], [409, 'result-not-ready'])
})

test('a result too large for a message travels as an object and reads the same', async () => {
  const long = toneWav({ seconds: 90 })
  const response = await uploadRaw(system.url, long)
  const { job_id: jobId } = (await response.json()) as { job_id: string }
  await finish(jobId)
  const { status, body } = await getJson(`${system.url}/v1/jobs/${jobId}/result`)
  assert.equal(status, 200)
  assert.equal(body.job_id, jobId)
  assert.equal(body.duration_s, 90)
  const { body: job } = await getJson(`${system.url}/v1/jobs/${jobId}`)
  assert.equal(job.duration_s, 90)
})

test('the figures tell the hops apart', async () => {
  const text = await (await fetch(`${system.url}/metrics`)).text()
  for (const figure of [
    /tonewire_jobs\{status="forwarded"\} 0/,
    /tonewire_jobs_oldest_age_seconds\{status="queued"\} \d/,
    /tonewire_queue_audio_analysis_queue_messages\{state="visible"\} \d/,
    /tonewire_uploads_total\{outcome="stored"\} [1-9]/,
    /tonewire_results_total\{outcome="completed"\} [1-9]/,
    /tonewire_analysis_seconds_count [1-9]/,
  ]) {
    assert.match(text, figure)
  }
})
