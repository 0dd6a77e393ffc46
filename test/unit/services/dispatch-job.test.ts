import assert from 'node:assert/strict'
import { test } from 'node:test'
import { dispatchJob } from '../../../src/services/dispatch-job.ts'
import { addJob, createFakePorts, publishedSteps } from '../../support/fake-ports.ts'

test('a stored job is added to the queue, then its row is queued and published', async () => {
  const ports = createFakePorts()
  const job = await addJob(ports, 'stored')
  const dispatched = await dispatchJob(ports, job)
  assert.equal(dispatched.status, 'queued')
  assert.deepEqual(
    ports.jobQueue.waiting.map(({ jobId, attempt }) => ({ jobId, attempt })),
    [{ jobId: job.jobId, attempt: 1 }],
  )
  assert.deepEqual(publishedSteps(ports, job), ['queued 40'])
})

test('with the queue away the row stays stored and is returned', async () => {
  const ports = createFakePorts()
  const job = await addJob(ports, 'stored')
  ports.jobQueue.setDown(true)
  assert.deepEqual(await dispatchJob(ports, job), job)
  assert.deepEqual(await ports.jobs.find(job.jobId), job)
  assert.equal(ports.metrics.counted('dispatches', { outcome: 'deferred' }), 1)
})

test('with the database away after the add the given job is returned, and it waits in the queue', async () => {
  const ports = createFakePorts()
  const job = await addJob(ports, 'stored')
  const add: typeof ports.jobQueue.add = async (entries) => {
    await ports.jobQueue.add(entries)
    ports.jobs.setDown(true)
  }
  assert.deepEqual(await dispatchJob({ ...ports, jobQueue: { ...ports.jobQueue, add } }, job), job)
  assert.equal(ports.jobQueue.waiting.length, 1)
  assert.equal(ports.metrics.counted('dispatches', { outcome: 'deferred' }), 1)
})

test('with the progress log away the job is queued all the same', async () => {
  const ports = createFakePorts()
  const job = await addJob(ports, 'stored')
  ports.progress.setDown(true)
  assert.equal((await dispatchJob(ports, job)).status, 'queued')
})

test('a job dispatched twice waits once', async () => {
  const ports = createFakePorts()
  const job = await addJob(ports, 'stored')
  await dispatchJob(ports, job)
  assert.equal((await dispatchJob(ports, job)).status, 'queued')
  assert.equal(ports.jobQueue.waiting.length, 1)
  assert.deepEqual(publishedSteps(ports, job), ['queued 40'])
})

test('a job cancelled meanwhile is returned as it is and not moved', async () => {
  const ports = createFakePorts()
  const job = await addJob(ports, 'stored')
  await ports.jobs.advance([{ jobId: job.jobId, attempt: 1, to: 'cancelled' }])
  assert.equal((await dispatchJob(ports, job)).status, 'cancelled')
  assert.deepEqual(publishedSteps(ports, job), ['cancelled 25'])
})

test('what no further try can mend is thrown, not left for the reconciler', async () => {
  const ports = createFakePorts()
  const job = await addJob(ports, 'stored')
  const add = async () => {
    throw new TypeError('a mistake of ours')
  }
  await assert.rejects(dispatchJob({ ...ports, jobQueue: { ...ports.jobQueue, add } }, job), TypeError)
  assert.equal((await ports.jobs.find(job.jobId))?.status, 'stored')
})
