/** Results of other sizes and shapes than our analyser's usual ones, through real queues and a real store. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Job } from '../../src/domain/job.ts'
import { analyseRecording } from '../../src/services/analyse-recording.ts'
import { resultJson } from '../contracts/formatter-suite.ts'
import { createFakeAnalyser } from '../fakes/fake-analyser.ts'
import { openEvents } from '../support/events.ts'
import { toneWav } from '../support/recordings.ts'
import { getJson, openTestPlaces, startTestSystem, TEST_KEY, uploadRaw } from '../support/system.ts'

const { places, env } = await openTestPlaces()
const system = await startTestSystem(['api', 'record'], places, env)
const { jobs, objects, analysisQueue, resultQueue, progress, timeline, metrics, log } = system.ports
const FORMATS = ['csv', 'textgrid', 'pitchtier', 'svg']

async function addUpload(): Promise<Job> {
  const { job_id: jobId } = (await (await uploadRaw(system.url, toneWav())).json()) as { job_id: string }
  return (await jobs.find(jobId))!
}

async function ended({ jobId }: Job): Promise<void> {
  await (await openEvents(`${system.url}/v1/jobs/${jobId}/events`, TEST_KEY)).ended
}

function formatOf({ jobId }: Job, format: string): Promise<Response> {
  const headers = { authorization: `Bearer ${TEST_KEY}` }
  return fetch(`${system.url}/v1/jobs/${jobId}/result?format=${format}`, { headers })
}

async function analyseWith(job: Job, result: string): Promise<void> {
  const analyser = createFakeAnalyser()
  analyser.next(async () => ({ durationS: 1, result }))
  const order = {
    version: 1,
    job_id: job.jobId,
    attempt: job.attempt,
    owner: job.owner,
    token_id: null,
    s3_audio_url: objects.urlOf(job.objectKey),
    s3_textgrid_url: null,
    s3_pitch_url: null,
    callback_url: null,
  }
  const { signal } = new AbortController()
  const message = { body: JSON.stringify(order), messageId: job.jobId, receiveCount: 1, signal }
  const ports = { jobs, objects, analysisQueue, resultQueue, progress, timeline, metrics, log, analyser }
  await analyseRecording(ports, message)
}

test('a result larger than one request may be is stored in parts, ends its job, and comes in every format', async () => {
  const job = await addUpload()
  const result = JSON.stringify({ ...JSON.parse(resultJson(1000)), padding: 'x'.repeat(12 * 1024 * 1024) })
  await analyseWith(job, result)
  await ended(job)
  assert.equal((await (await formatOf(job, 'json')).text()).length, result.length)
  for (const format of FORMATS) assert.equal((await formatOf(job, format)).status, 200, format)
})

test('a result that is too large to be formatted says so, and comes as JSON', async () => {
  const job = await addUpload()
  const result = JSON.stringify({ padding: 'x'.repeat(33 * 1024 * 1024) })
  await analyseWith(job, result)
  await ended(job)
  const { status, body } = await getJson(`${system.url}/v1/jobs/${job.jobId}/result?format=svg`)
  assert.deepEqual([status, body.code], [422, 'result-too-large'])
  assert.match(String(body.detail), /^The result has \d+ bytes, and up to 33554432 are formatted: take it as JSON\.$/)
  const json = await formatOf(job, 'json')
  assert.equal((await json.arrayBuffer()).byteLength, result.length)
})

test('a result of a third party that lacks what a format needs is refused with the name of it', async () => {
  const job = await addUpload()
  const answer = { version: 1, type: 'completed', job_id: job.jobId, attempt: job.attempt, result: { score: 'ok' } }
  assert.deepEqual(await resultQueue.send([{ body: JSON.stringify(answer), groupId: job.owner }]), [undefined])
  await ended(job)
  assert.deepEqual((await getJson(`${system.url}/v1/jobs/${job.jobId}/result`)).body, { score: 'ok' })
  for (const format of FORMATS) {
    const response = await formatOf(job, format)
    const { code, detail } = (await response.json()) as { code: string; detail: string }
    assert.deepEqual([response.status, code], [422, 'result-format-unavailable'])
    assert.match(detail, /^The result has no (pitch|duration_s), which \w+ needs\.$/)
    assert.equal(response.headers.get('content-type')?.split(';')[0], 'application/problem+json')
  }
})

test('the formats show the reference that the order named, not the one that the job was made with', async () => {
  const job = await addUpload()
  const interval = {
    tier: 'own',
    label: 'of the order',
    start_s: 0.1,
    end_s: 0.3,
    reference_start_s: 0,
    reference_end_s: 1,
  }
  const comparison = {
    score: 80,
    alignment: [
      [0, 0],
      [1, 0.5],
    ],
    intervals: [interval],
    points: [],
  }
  await analyseWith(job, JSON.stringify({ ...JSON.parse(resultJson(50)), comparison }))
  await ended(job)
  for (const format of ['textgrid', 'svg']) assert.match(await (await formatOf(job, format)).text(), /of the order/)
})
