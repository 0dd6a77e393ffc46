import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Job } from '../../../src/domain/job.ts'
import { resultPrefix } from '../../../src/domain/object-keys.ts'
import { recordResult } from '../../../src/services/record-result.ts'
import { addJob, createFakePorts, type FakePorts, publishedSteps } from '../../support/fake-ports.ts'
import { makeJob } from '../../support/jobs.ts'

function record(ports: FakePorts, { jobId }: Pick<Job, 'jobId'>, answer: object): Promise<void> {
  return recordResult(ports, { body: JSON.stringify({ version: 1, job_id: jobId, attempt: 1, ...answer }) })
}

const COMPLETED = { type: 'completed', result: { version: 1, duration_s: 2.4 } }
const FAILED = { type: 'failed', error: { code: 'recording-too-long', detail: 'Two hours', retryable: true } }
const progress = (value: number) => ({ type: 'progress', progress: value, message: 'Tracking pitch' })

test('a completed answer ends the job with its result and duration, and is published', async () => {
  const ports = createFakePorts()
  const job = await addJob(ports, 'analysing')
  await record(ports, job, COMPLETED)
  const row = await ports.jobs.find(job.jobId)
  assert.deepEqual([row?.status, row?.durationS], ['completed', 2.4])
  assert.deepEqual(await ports.jobs.findResult(job.jobId), { json: JSON.stringify(COMPLETED.result) })
  assert.deepEqual(publishedSteps(ports, job), ['completed 100'])
})

test('a failed answer ends the job with its error, and is published', async () => {
  const ports = createFakePorts()
  const job = await addJob(ports, 'analysing')
  await record(ports, job, FAILED)
  const row = await ports.jobs.find(job.jobId)
  assert.deepEqual([row?.status, row?.error], ['failed', { ...FAILED.error, stage: 'analysing' }])
  assert.deepEqual(publishedSteps(ports, job), ['failed 65'])
})

test('a failed answer without a reason is final and says that there was none', async () => {
  const ports = createFakePorts()
  const job = await addJob(ports, 'forwarded')
  await record(ports, job, { type: 'failed', error: { code: 'own-code' } })
  const detail = 'The analysis server gave no reason'
  const error = { code: 'own-code', detail, retryable: false, stage: 'forwarded' }
  assert.deepEqual((await ports.jobs.find(job.jobId))?.error, error)
})

for (const [given, clamped] of [
  [-5, 65],
  [64.4, 65],
  [80, 80],
  [95.6, 95],
  [1000, 95],
] as const) {
  test(`a progress of ${given} is published as ${clamped}`, async () => {
    const ports = createFakePorts()
    const job = await addJob(ports, 'forwarded')
    await record(ports, job, progress(given))
    assert.equal((await ports.jobs.find(job.jobId))?.status, 'analysing')
    assert.equal(publishedSteps(ports, job).at(-1), `analysing ${clamped}`)
  })
}

test('progress that goes back is acknowledged and not published', async () => {
  const ports = createFakePorts()
  const job = await addJob(ports, 'forwarded')
  for (const value of [80, 70, 80]) await record(ports, job, progress(value))
  assert.deepEqual(publishedSteps(ports, job), ['analysing 65', 'analysing 80'])
})

test('a repeat of a recorded result is acknowledged and published again, and changes nothing', async () => {
  const ports = createFakePorts()
  const job = await addJob(ports, 'analysing')
  await record(ports, job, COMPLETED)
  const row = await ports.jobs.find(job.jobId)
  ports.progress.flush()
  for (const answer of [{ ...COMPLETED, result: { other: true } }, FAILED, progress(90)])
    await record(ports, job, answer)
  assert.deepEqual(await ports.jobs.find(job.jobId), row)
  assert.deepEqual(await ports.jobs.findResult(job.jobId), { json: JSON.stringify(COMPLETED.result) })
  assert.deepEqual(publishedSteps(ports, job), ['completed 100'])
  assert.equal(ports.metrics.counted('results', { outcome: 'repeat' }), 1)
  assert.equal(ports.metrics.counted('results', { outcome: 'late' }), 1)
})

test('an answer of another attempt changes nothing and is acknowledged', async () => {
  const ports = createFakePorts()
  const job = await addJob(ports, 'queued')
  for (const attempt of [0, 2]) {
    for (const answer of [COMPLETED, FAILED, progress(90)]) await record(ports, job, { ...answer, attempt })
  }
  assert.deepEqual(await ports.jobs.find(job.jobId), job)
  assert.deepEqual(publishedSteps(ports, job), ['queued 40'])
})

/** A job under analysis, and an answer that points to its result. */
async function addPointed(ports: FakePorts) {
  const job = await addJob(ports, 'analysing')
  const objectKey = `${resultPrefix(job.owner, job.jobId)}1.json`
  return { job, objectKey, answer: { type: 'completed', duration_s: 3, result_s3_url: ports.objects.urlOf(objectKey) } }
}

test('a result under the job’s own prefix is kept as a pointer', async () => {
  const ports = createFakePorts()
  const { job, objectKey, answer } = await addPointed(ports)
  await ports.objects.putBytes(objectKey, Buffer.from('{}'), 'application/json')
  await record(ports, job, answer)
  assert.deepEqual(await ports.jobs.findResult(job.jobId), { objectKey })
  assert.equal((await ports.jobs.find(job.jobId))?.durationS, 3)
})

test('a result of another owner, another job or another bucket is poison and changes nothing', async () => {
  const ports = createFakePorts()
  const job = await addJob(ports, 'analysing')
  const own = resultPrefix('acme', job.jobId)
  for (const result_s3_url of [
    `s3://fake-bucket/${resultPrefix('other', job.jobId)}1.json`,
    `s3://fake-bucket/${resultPrefix('acme', makeJob().jobId)}1.json`,
    `s3://fake-bucket/${own}../../other/1.json`,
    `s3://another-bucket/${own}1.json`,
    `https://example.org/${own}1.json`,
  ]) {
    const recording = record(ports, job, { type: 'completed', result_s3_url })
    await assert.rejects(recording, { code: 'message-invalid' }, result_s3_url)
  }
  assert.deepEqual(await ports.jobs.find(job.jobId), job)
})

test('a result that is not where its answer points is poison and changes nothing', async () => {
  const ports = createFakePorts()
  const { job, answer } = await addPointed(ports)
  await assert.rejects(record(ports, job, answer), { code: 'message-invalid', detail: /no object at result_s3_url/ })
  assert.deepEqual(await ports.jobs.find(job.jobId), job)
})

test('with the store away an answer that points to a result is thrown back, and one that carries it is recorded', async () => {
  const ports = createFakePorts()
  const { job, answer } = await addPointed(ports)
  ports.objects.setDown(true)
  await assert.rejects(record(ports, job, answer), { code: 'storage-unavailable', retry: 'later' })
  await record(ports, job, COMPLETED)
  assert.equal((await ports.jobs.find(job.jobId))?.status, 'completed')
})

test('a repeat of a result is acknowledged also when its object is no longer kept', async () => {
  const ports = createFakePorts()
  const { job, objectKey, answer } = await addPointed(ports)
  await ports.objects.putBytes(objectKey, Buffer.from('{}'), 'application/json')
  await record(ports, job, answer)
  await ports.objects.delete(objectKey)
  await record(ports, job, answer)
  assert.equal(ports.metrics.counted('results', { outcome: 'repeat' }), 1)
})

test('every answer to a job that does not exist is poison', async () => {
  const ports = createFakePorts()
  const pointer = { type: 'completed', result_s3_url: 's3://fake-bucket/results/acme/x/1.json' }
  for (const answer of [COMPLETED, FAILED, progress(70), pointer]) {
    await assert.rejects(record(ports, makeJob(), answer), { code: 'job-not-found', retry: 'never' })
  }
})

test('with the progress log away a result is recorded all the same', async () => {
  const ports = createFakePorts()
  const job = await addJob(ports, 'analysing')
  ports.progress.setDown(true)
  await record(ports, job, COMPLETED)
  assert.equal((await ports.jobs.find(job.jobId))?.status, 'completed')
})

test('with the database away an answer is thrown back to the queue', async () => {
  const ports = createFakePorts()
  const job = await addJob(ports, 'analysing')
  ports.jobs.setDown(true)
  await assert.rejects(record(ports, job, COMPLETED), { code: 'database-unavailable', retry: 'later' })
})

test('a result of a job that ended otherwise, or began anew, is acknowledged and noted as late', async () => {
  const ports = createFakePorts()
  const [cancelled, retried] = [await addJob(ports, 'cancelled'), await addJob(ports, 'failed')]
  await ports.jobs.restart(retried.jobId, 1)
  for (const { jobId } of [cancelled, retried]) {
    const before = await ports.jobs.find(jobId)
    const answer = { version: 1, type: 'completed', job_id: jobId, attempt: 1, result: { version: 1 } }
    await recordResult(ports, { body: JSON.stringify(answer) })
    assert.deepEqual(await ports.jobs.find(jobId), before)
  }
  assert.equal(ports.metrics.counted('results', { outcome: 'late' }), 2)
})
