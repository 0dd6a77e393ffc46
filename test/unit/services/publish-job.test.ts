import assert from 'node:assert/strict'
import { test } from 'node:test'
import { toProgressEvent } from '../../../src/domain/progress-event.ts'
import { publishEvents, publishJobs, publishNewJob } from '../../../src/services/publish-job.ts'
import { addJob, createFakePorts, publishedSteps } from '../../support/fake-ports.ts'
import { makeJob } from '../../support/jobs.ts'

test('with the log away publishing does not throw, and each failure is counted', async () => {
  const ports = createFakePorts()
  const job = await addJob(ports, 'stored')
  ports.progress.setDown(true)
  await publishJobs(ports, [job])
  await publishNewJob(ports, job)
  assert.equal(ports.metrics.counted('publish_failures', { code: 'progress-unavailable' }), 2)
})

test('with the database away when a seed is needed publishing does not throw, and it is counted', async () => {
  const ports = createFakePorts()
  const job = await addJob(ports, 'stored')
  ports.jobs.setDown(true)
  await publishJobs(ports, [job])
  assert.equal(ports.metrics.counted('publish_failures', { code: 'database-unavailable' }), 1)
})

test('a job that the log does not know is seeded from its row, not from the event', async () => {
  const ports = createFakePorts()
  const job = await addJob(ports, 'stored')
  await ports.jobs.advance([{ jobId: job.jobId, attempt: 1, to: 'forwarded' }])
  await publishJobs(ports, [job])
  assert.deepEqual(publishedSteps(ports, job), ['forwarded 60'])
})

test('after a flush an event ahead of the row comes after the row’s state', async () => {
  const ports = createFakePorts()
  const job = await addJob(ports, 'analysing')
  await publishJobs(ports, [job])
  ports.progress.flush()
  await publishEvents(ports, [toProgressEvent(job, { progress: 80 })])
  assert.deepEqual(publishedSteps(ports, job), ['analysing 65', 'analysing 80'])
})

test('a job that neither the log nor the database knows is not published', async () => {
  const ports = createFakePorts()
  await publishJobs(ports, [makeJob()])
  assert.deepEqual(ports.progress.entries, [])
  assert.equal(ports.metrics.counted('publish_failures'), 0)
})

test('a state published twice is in the log once', async () => {
  const ports = createFakePorts()
  const job = await addJob(ports, 'queued')
  await publishJobs(ports, [job])
  await publishJobs(ports, [job])
  assert.deepEqual(publishedSteps(ports, job), ['queued 40'])
})

test('the first event of a new job needs no row', async () => {
  const ports = createFakePorts()
  const job = makeJob()
  await publishNewJob(ports, job)
  assert.deepEqual(publishedSteps(ports, job), ['uploading 0'])
})
