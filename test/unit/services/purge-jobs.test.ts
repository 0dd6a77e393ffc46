import assert from 'node:assert/strict'
import { test } from 'node:test'
import { resultPrefix } from '../../../src/domain/object-keys.ts'
import { purgeJobs } from '../../../src/services/purge-jobs.ts'
import { retryJob } from '../../../src/services/retry-job.ts'
import { addJob, createFakePorts } from '../../support/fake-ports.ts'

const DAY_S = 86_400

test('an ended job past its days loses its objects and keeps its row; an unfinished or younger one keeps all', async () => {
  const ports = createFakePorts()
  const [old, running, young] = [
    await addJob(ports, 'completed'),
    await addJob(ports, 'analysing'),
    await addJob(ports, 'completed'),
  ]
  await ports.objects.putBytes(`${resultPrefix(old.owner, old.jobId)}1.json`, Buffer.from('{}'), 'application/json')
  for (const { jobId } of [old, running]) await ports.jobs.age(jobId, 31 * DAY_S)
  await purgeJobs(ports, { retentionDays: 0 })
  assert.equal(ports.objects.objects.size, 4)
  await purgeJobs(ports, { retentionDays: 30 })
  assert.deepEqual([...ports.objects.objects.keys()].sort(), [running.objectKey, young.objectKey].sort())
  const row = await ports.jobs.find(old.jobId)
  assert.deepEqual([row?.status, row?.filename, row?.metadata], ['completed', null, {}])
})

test('a crash between the objects and the row is repeated, and a job in between is not retried', async () => {
  const ports = createFakePorts()
  const job = await addJob(ports, 'failed')
  await ports.jobs.age(job.jobId, 31 * DAY_S)
  const finish = () => Promise.reject(new Error('killed'))
  const dying = { ...ports, retention: { ...ports.retention, finish } }
  await assert.rejects(purgeJobs(dying, { retentionDays: 30 }), /killed/)
  assert.equal(ports.retention.purged.size, 0)
  await assert.rejects(retryJob(ports, (await ports.jobs.find(job.jobId))!), { code: 'job-purged' })
  // What was read before the purge began is no better.
  await ports.objects.putBytes(job.objectKey, Buffer.from('x'), 'audio/wav')
  const row = await ports.jobs.find(job.jobId)
  await assert.rejects(retryJob(ports, { ...row!, purgedAt: null }), { code: 'job-purged' })
  await ports.jobs.age(job.jobId, 601)
  await purgeJobs(ports, { retentionDays: 30 })
  assert.deepEqual([...ports.retention.purged], [job.jobId])
  assert.equal(ports.objects.objects.size, 0)
})

test('a job whose objects cannot be deleted waits for a later pass', async () => {
  const ports = createFakePorts()
  const job = await addJob(ports, 'completed')
  await ports.jobs.age(job.jobId, 31 * DAY_S)
  ports.objects.setDown(true)
  await purgeJobs(ports, { retentionDays: 30 })
  assert.equal(ports.retention.purged.size, 0)
  ports.objects.setDown(false)
  await ports.jobs.age(job.jobId, 601)
  await purgeJobs(ports, { retentionDays: 30 })
  assert.equal(ports.retention.purged.size, 1)
})
