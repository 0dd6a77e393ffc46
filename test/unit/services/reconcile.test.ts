import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Job, JobStatus } from '../../../src/domain/job.ts'
import { reconcile } from '../../../src/services/reconcile.ts'
import { changeTo } from '../../contracts/job-store-suite.ts'
import type { FakeMessageQueue } from '../../fakes/fake-message-queue.ts'
import { createClockedPorts, START_MS } from '../../support/clocked-ports.ts'
import { addJob, type FakePorts, publishedSteps } from '../../support/fake-ports.ts'

const RULES = { waitingS: 60, inFlightS: 300, maxAgeS: 86_400 }

const statusOf = async (ports: FakePorts, { jobId }: Job): Promise<JobStatus | undefined> =>
  (await ports.jobs.find(jobId))?.status

/** Lets something happen to the rows between the claim and what is done with them. */
function afterClaim(
  ports: FakePorts,
  method: 'claimStalled' | 'findOlderThan',
  intervene: (job: Job) => Promise<unknown>,
) {
  const claimed = async <T extends Job>(rows: Promise<T[]>): Promise<T[]> => {
    for (const job of await rows) await intervene(job)
    return rows
  }
  const { claimStalled, findOlderThan } = ports.jobs
  const jobs =
    method === 'claimStalled'
      ? { ...ports.jobs, claimStalled: (rules: Parameters<typeof claimStalled>[0]) => claimed(claimStalled(rules)) }
      : { ...ports.jobs, findOlderThan: (ageS: number, limit: number) => claimed(findOlderThan(ageS, limit)) }
  return { ...ports, jobs }
}

test('an upload past its deadline is failed and published, and its object goes', async () => {
  const { ports, passTime } = createClockedPorts()
  const job = await addJob(ports, 'uploading', { uploadTimeoutS: 900 })
  passTime(899)
  await reconcile(ports, RULES)
  assert.equal(await statusOf(ports, job), 'uploading')
  passTime(1)
  await reconcile(ports, RULES)
  const row = await ports.jobs.find(job.jobId)
  assert.deepEqual([row?.status, row?.error?.code, row?.error?.retryable], ['failed', 'upload-expired', false])
  assert.equal(ports.objects.objects.size, 0)
  assert.deepEqual(publishedSteps(ports, job), ['failed 0'])
})

test('an upload older than the age limit ends like one past its deadline, object and all', async () => {
  const { ports, passTime } = createClockedPorts()
  const job = await addJob(ports, 'uploading', { uploadTimeoutS: 900 })
  passTime(600)
  await reconcile(ports, { ...RULES, maxAgeS: 600 })
  assert.equal((await ports.jobs.find(job.jobId))?.error?.code, 'upload-expired')
  assert.equal(ports.objects.objects.size, 0)
})

for (const [method, ageS, maxAgeS] of [
  ['claimStalled', 900, RULES.maxAgeS],
  ['findOlderThan', 600, 600],
] as const) {
  test(`an upload that ends well after ${method} handed it out keeps its object and is not failed`, async () => {
    const { ports, passTime } = createClockedPorts()
    const job = await addJob(ports, 'uploading', { uploadTimeoutS: 900 })
    passTime(ageS)
    const handedOut: string[] = []
    const racing = afterClaim(ports, method, async ({ jobId }) => {
      handedOut.push(jobId)
      await ports.jobs.advance([changeTo(jobId, 'stored')])
    })
    await reconcile(racing, { ...RULES, maxAgeS })
    assert.deepEqual(handedOut, [job.jobId])
    assert.equal(await statusOf(ports, job), 'stored')
    assert.equal(ports.objects.objects.has(job.objectKey), true)
  })
}

for (const status of ['stored', 'queued'] as const) {
  test(`a ${status} job that nothing touched is added to the queue again`, async () => {
    const { ports, passTime } = createClockedPorts()
    const job = await addJob(ports, status)
    passTime(RULES.waitingS - 1)
    await reconcile(ports, RULES)
    assert.equal(ports.jobQueue.waiting.length, 0)
    passTime(1)
    await reconcile(ports, RULES)
    assert.deepEqual(
      ports.jobQueue.waiting.map(({ jobId }) => jobId),
      [job.jobId],
    )
    assert.equal(await statusOf(ports, job), 'queued')
  })

  test(`a ${status} job is not added again before its not_before`, async () => {
    const { ports, passTime } = createClockedPorts()
    const notBefore = new Date(START_MS + 7200_000)
    const job = await addJob(ports, status, { notBefore })
    passTime(7200 + RULES.waitingS - 1)
    await reconcile(ports, RULES)
    assert.equal(ports.jobQueue.waiting.length, 0)
    passTime(1)
    await reconcile(ports, RULES)
    assert.deepEqual(
      ports.jobQueue.waiting.map((entry) => [entry.jobId, entry.notBefore]),
      [[job.jobId, notBefore]],
    )
  })
}

for (const status of ['forwarded', 'analysing'] as const) {
  test(`a ${status} job that nothing touched is sent again when both queues are empty`, async () => {
    const { ports, passTime } = createClockedPorts()
    const job = await addJob(ports, status)
    passTime(RULES.inFlightS - 1)
    await reconcile(ports, RULES)
    assert.deepEqual(ports.analysisQueue.sent, [])
    passTime(1)
    await reconcile(ports, RULES)
    assert.deepEqual(
      ports.analysisQueue.sent.map(({ body }) => JSON.parse(body).job_id),
      [job.jobId],
    )
    assert.equal(await statusOf(ports, job), status)
  })
}

/** Puts one message into a queue's hands until the returned function is called. */
async function hold(queue: FakeMessageQueue): Promise<() => Promise<void>> {
  const [taken, done, stopping] = [Promise.withResolvers<void>(), Promise.withResolvers<void>(), new AbortController()]
  await queue.send([{ body: '{}', groupId: 'acme' }])
  const handler = () => {
    taken.resolve()
    return done.promise
  }
  const consuming = queue.consume(handler, { concurrency: 1, signal: stopping.signal })
  await taken.promise
  return () => {
    done.resolve()
    stopping.abort()
    return consuming
  }
}

for (const name of ['analysisQueue', 'resultQueue'] as const) {
  test(`a forwarded job is not sent again while ${name} has a message to be received`, async () => {
    const { ports, passTime } = createClockedPorts()
    await addJob(ports, 'forwarded')
    await ports[name].send([{ body: 'another', groupId: 'acme' }])
    passTime(RULES.inFlightS)
    await reconcile(ports, RULES)
    assert.equal(ports.metrics.counted('reconciled', { action: 'sent' }), 0)
    assert.equal((await ports.analysisQueue.depth()).visible, name === 'analysisQueue' ? 1 : 0)
  })

  test(`an analysing job is not sent again while ${name} has a message in flight`, async () => {
    const { ports, passTime } = createClockedPorts()
    await addJob(ports, 'analysing')
    const release = await hold(ports[name])
    passTime(RULES.inFlightS)
    await reconcile(ports, RULES)
    await release()
    assert.equal((await ports.analysisQueue.depth()).visible, 0)
    assert.equal(ports.metrics.counted('reconciled', { action: 'sent' }), 0)
  })

  test(`with ${name} away a forwarded job is left for a later pass`, async () => {
    const { ports, passTime } = createClockedPorts()
    const job = await addJob(ports, 'forwarded')
    ports[name].setDown(true)
    passTime(RULES.inFlightS)
    await reconcile(ports, RULES)
    assert.deepEqual(await ports.jobs.find(job.jobId), job)
    assert.deepEqual(ports.analysisQueue.sent, [])
    assert.equal(ports.metrics.counted('reconciled', { action: 'error' }), 1)
  })
}

for (const status of ['stored', 'queued', 'forwarded', 'analysing'] as const) {
  test(`a ${status} job at the age limit is failed, retryable, and its recording kept`, async () => {
    const { ports, passTime } = createClockedPorts()
    const job = await addJob(ports, status)
    passTime(RULES.maxAgeS)
    await reconcile(ports, RULES)
    const error = (await ports.jobs.find(job.jobId))?.error
    assert.deepEqual([error?.code, error?.stage, error?.retryable], ['job-too-old', status, true])
    assert.equal(ports.objects.objects.has(job.objectKey), true)
    assert.deepEqual([ports.jobQueue.waiting, ports.analysisQueue.sent], [[], []])
  })
}

test('a job’s age counts from its not_before', async () => {
  const { ports, passTime } = createClockedPorts()
  const heldBackS = 3 * RULES.maxAgeS
  const job = await addJob(ports, 'queued', { notBefore: new Date(START_MS + heldBackS * 1000) })
  passTime(heldBackS + RULES.maxAgeS - 1)
  await reconcile(ports, RULES)
  assert.equal(await statusOf(ports, job), 'queued')
  passTime(1)
  await reconcile(ports, RULES)
  assert.equal(await statusOf(ports, job), 'failed')
})

test('what fails for one row does not keep the others from being looked at', async () => {
  const { ports, passTime } = createClockedPorts()
  const upload = await addJob(ports, 'uploading')
  const stored = await addJob(ports, 'stored')
  ports.objects.setDown(true)
  passTime(900)
  await reconcile(ports, RULES)
  assert.deepEqual([await statusOf(ports, upload), await statusOf(ports, stored)], ['failed', 'queued'])
})

test('more rows than one claim hands out are all looked at in one pass', async () => {
  const { ports, passTime } = createClockedPorts()
  for (let i = 0; i < 201; i++) await addJob(ports, 'stored')
  passTime(RULES.waitingS)
  await reconcile(ports, RULES)
  assert.equal(ports.jobQueue.waiting.length, 201)
})

test('only the database being away throws', async () => {
  const { ports } = createClockedPorts()
  ports.jobs.setDown(true)
  await assert.rejects(reconcile(ports, RULES), { code: 'database-unavailable' })
})
