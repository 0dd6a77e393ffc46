import assert from 'node:assert/strict'
import { test } from 'node:test'
import { forwardJob } from '../../../src/services/forward-job.ts'
import { changeTo } from '../../contracts/job-store-suite.ts'
import { addJob, createFakePorts, publishedSteps } from '../../support/fake-ports.ts'

const entryOf = ({ jobId }: { jobId: string }, attempt = 1) =>
  ({ jobId, owner: 'acme', attempt, priority: 'normal', notBefore: null }) as const

test('a queued job is sent in its owner’s group, then its row is forwarded and published', async () => {
  const ports = createFakePorts()
  const job = await addJob(ports, 'queued')
  await forwardJob(ports, entryOf(job))
  const [message] = ports.analysisQueue.sent
  assert.equal(message?.groupId, 'acme')
  const { job_id, attempt, s3_audio_url } = JSON.parse(message?.body ?? '{}')
  assert.deepEqual([job_id, attempt, s3_audio_url], [job.jobId, 1, ports.objects.urlOf(job.objectKey)])
  assert.equal((await ports.jobs.find(job.jobId))?.status, 'forwarded')
  assert.deepEqual(publishedSteps(ports, job), ['forwarded 60'])
})

test('a send that fails leaves the row as it is and throws', async () => {
  const ports = createFakePorts()
  const job = await addJob(ports, 'queued')
  ports.analysisQueue.setDown(true)
  await assert.rejects(forwardJob(ports, entryOf(job)), { code: 'queue-unavailable' })
  assert.deepEqual(await ports.jobs.find(job.jobId), job)
  assert.deepEqual(publishedSteps(ports, job), [])
})

test('with the database away after the send the job throws, and the next try sends again', async () => {
  const ports = createFakePorts()
  const job = await addJob(ports, 'queued')
  const send: typeof ports.analysisQueue.send = (messages) => {
    ports.jobs.setDown(true)
    return ports.analysisQueue.send(messages)
  }
  const failing = { ...ports, analysisQueue: { ...ports.analysisQueue, send } }
  await assert.rejects(forwardJob(failing, entryOf(job)), { code: 'database-unavailable' })
  ports.jobs.setDown(false)
  await forwardJob(ports, entryOf(job))
  assert.equal(ports.analysisQueue.sent.length, 2)
  assert.equal((await ports.jobs.find(job.jobId))?.status, 'forwarded')
})

test('a job already forwarded is acknowledged and published again, not sent again', async () => {
  const ports = createFakePorts()
  const job = await addJob(ports, 'queued')
  await forwardJob(ports, entryOf(job))
  ports.progress.flush()
  await forwardJob(ports, entryOf(job))
  assert.equal(ports.analysisQueue.sent.length, 1)
  assert.deepEqual(publishedSteps(ports, job), ['forwarded 60'])
  assert.equal(ports.metrics.counted('forwards', { outcome: 'repeat' }), 1)
})

test('an entry of another attempt is acknowledged and nothing is sent', async () => {
  const ports = createFakePorts()
  const job = await addJob(ports, 'queued')
  for (const attempt of [0, 2]) await forwardJob(ports, entryOf(job, attempt))
  assert.deepEqual(ports.analysisQueue.sent, [])
  assert.equal((await ports.jobs.find(job.jobId))?.status, 'queued')
})

test('an entry of a job that does not exist is acknowledged', async () => {
  const ports = createFakePorts()
  await forwardJob(ports, entryOf({ jobId: '019aa7de-6f2b-7c3e-9a55-0c2f6a1b2c3d' }))
  assert.deepEqual(ports.analysisQueue.sent, [])
})

test('a cancelled job is not sent, and its end is published', async () => {
  const ports = createFakePorts()
  const job = await addJob(ports, 'queued')
  await ports.jobs.advance([changeTo(job.jobId, 'cancelled')])
  await forwardJob(ports, entryOf(job))
  assert.deepEqual(ports.analysisQueue.sent, [])
  assert.deepEqual(publishedSteps(ports, job), ['cancelled 40'])
})

test('a result that overtakes the forwarder stays, and is what is published', async () => {
  const ports = createFakePorts()
  const job = await addJob(ports, 'queued')
  const send: typeof ports.analysisQueue.send = async (messages) => {
    const outcomes = await ports.analysisQueue.send(messages)
    await ports.jobs.advance([changeTo(job.jobId, 'completed')])
    return outcomes
  }
  await forwardJob({ ...ports, analysisQueue: { ...ports.analysisQueue, send } }, entryOf(job))
  assert.equal((await ports.jobs.find(job.jobId))?.status, 'completed')
  assert.deepEqual(publishedSteps(ports, job), ['completed 100'])
})
