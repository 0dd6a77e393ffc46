import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseJobCursor } from '../../../src/domain/job-cursor.ts'
import { cancelJob } from '../../../src/services/cancel-job.ts'
import { forwardJob } from '../../../src/services/forward-job.ts'
import { listJobs } from '../../../src/services/list-jobs.ts'
import { retryJob } from '../../../src/services/retry-job.ts'
import { changeTo, ERROR } from '../../contracts/job-store-suite.ts'
import { addJob, createFakePorts, publishedSteps } from '../../support/fake-ports.ts'
import { makeJob } from '../../support/jobs.ts'

for (const status of ['uploading', 'stored', 'queued', 'forwarded', 'analysing'] as const) {
  test(`a job that is ${status} is cancelled, and its followers are told`, async () => {
    const ports = createFakePorts()
    const job = await addJob(ports, status)
    const cancelled = await cancelJob(ports, job)
    assert.deepEqual([cancelled.status, cancelled.progress], ['cancelled', job.progress])
    assert.deepEqual(publishedSteps(ports, job), [`cancelled ${job.progress}`])
  })
}

for (const status of ['completed', 'failed', 'cancelled'] as const) {
  test(`a job that is ${status} is not cancelled any more`, async () => {
    const ports = createFakePorts()
    const job = await addJob(ports, status)
    await assert.rejects(cancelJob(ports, job), { code: 'job-terminal' })
    assert.deepEqual(await ports.jobs.find(job.jobId), job)
  })
}

test('a cancelled job is taken out of the queue, and one still in it is not sent', async () => {
  const ports = createFakePorts()
  const [waiting, left] = [await addJob(ports, 'queued'), await addJob(ports, 'queued')]
  await ports.jobQueue.add([waiting, left])
  await cancelJob(ports, waiting)
  assert.deepEqual(ports.jobQueue.waiting, [left])
  await ports.jobs.advance([changeTo(left.jobId, 'cancelled')])
  await forwardJob(ports, left)
  assert.deepEqual(ports.analysisQueue.sent, [])
})

test('with Redis away a job is cancelled all the same', async () => {
  const ports = createFakePorts()
  const job = await addJob(ports, 'queued')
  ports.jobQueue.setDown(true)
  ports.progress.setDown(true)
  assert.equal((await cancelJob(ports, job)).status, 'cancelled')
})

test('a cancel that meets a retry ends the new attempt', async () => {
  const ports = createFakePorts()
  const job = await addJob(ports, 'failed')
  await ports.jobs.restart(job.jobId, 1)
  const { status, attempt } = await cancelJob(ports, job)
  assert.deepEqual([status, attempt], ['cancelled', 2])
})

test('a retried job goes the way of a new one, in its next attempt, and its followers see it', async () => {
  const ports = createFakePorts()
  const job = await addJob(ports, 'failed')
  await forwardJob(ports, job)
  const retried = await retryJob(ports, job)
  assert.deepEqual([retried.status, retried.attempt, retried.error], ['queued', 2, null])
  assert.deepEqual(
    ports.jobQueue.waiting.map(({ jobId, attempt }) => [jobId, attempt]),
    [[job.jobId, 2]],
  )
  assert.deepEqual(publishedSteps(ports, job), [`failed ${job.progress}`, 'stored 25', 'queued 40'])
})

test('of many retries at once one makes an attempt', async () => {
  const ports = createFakePorts()
  const job = await addJob(ports, 'failed')
  const retries = await Promise.allSettled(Array.from({ length: 10 }, () => retryJob(ports, job)))
  const refused = retries.filter((retry) => retry.status === 'rejected')
  assert.equal(refused.length, 9)
  assert.ok(refused.every(({ reason }) => reason.code === 'job-not-retryable'))
  assert.equal((await ports.jobs.find(job.jobId))?.attempt, 2)
})

test('with Redis away a retried job is stored, for the reconciler to hand over', async () => {
  const ports = createFakePorts()
  const job = await addJob(ports, 'failed')
  ports.jobQueue.setDown(true)
  const { status, attempt } = await retryJob(ports, job)
  assert.deepEqual([status, attempt], ['stored', 2])
})

test('what did not fail, or failed for good, is not retried', async () => {
  const ports = createFakePorts()
  const forGood = await addJob(ports, 'analysing')
  await ports.jobs.advance([changeTo(forGood.jobId, 'failed', { error: { ...ERROR, retryable: false } })])
  for (const jobId of [
    forGood.jobId,
    ...(await Promise.all((['queued', 'completed', 'cancelled'] as const).map((status) => addJob(ports, status)))).map(
      (job) => job.jobId,
    ),
  ]) {
    const job = (await ports.jobs.find(jobId)) ?? makeJob()
    await assert.rejects(retryJob(ports, job), { code: 'job-not-retryable' })
    assert.deepEqual(await ports.jobs.find(jobId), job)
  }
})

test('a job whose recording is gone is not retried', async () => {
  const ports = createFakePorts()
  const job = await addJob(ports, 'failed')
  await ports.objects.delete(job.objectKey)
  await assert.rejects(retryJob(ports, job), { code: 'object-not-found' })
  assert.deepEqual(await ports.jobs.find(job.jobId), job)
})

test('the last page has no cursor, any other one that leads on', async () => {
  const ports = createFakePorts()
  for (let made = 0; made < 5; made += 1) await addJob(ports, 'stored')
  const first = await listJobs(ports, 'acme', { limit: 3 })
  assert.equal(first.jobs.length, 3)
  const cursor = parseJobCursor(first.nextCursor ?? '')
  assert.equal(cursor?.jobId, first.jobs.at(-1)?.jobId)
  const second = await listJobs(ports, 'acme', { limit: 2, ...(cursor && { cursor }) })
  assert.deepEqual([second.jobs.length, second.nextCursor], [2, null])
})

test('what is no cursor is not read as one', () => {
  for (const text of ['', 'x', '%', Buffer.from('1.2').toString('base64url'), 'a'.repeat(100)]) {
    assert.equal(parseJobCursor(text), undefined)
  }
})
