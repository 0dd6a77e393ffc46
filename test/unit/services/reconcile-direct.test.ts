import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Job } from '../../../src/domain/job.ts'
import { reconcile } from '../../../src/services/reconcile.ts'
import { type DirectRules, reconcileDirect } from '../../../src/services/reconcile-direct.ts'
import { changeTo } from '../../contracts/job-store-suite.ts'
import { createClockedPorts } from '../../support/clocked-ports.ts'
import { addJob, type FakePorts, publishedSteps } from '../../support/fake-ports.ts'

const never = new AbortController().signal
const RULES: DirectRules = { waitingS: 30, answerS: 1800, signal: never, release: never }
const DIRECT = { route: 'direct' } as const
const AWAY = { kind: 'unavailable', status: null, detail: 'ECONNREFUSED' } as const
const rowOf = async (ports: FakePorts, { jobId }: Job): Promise<Job> => (await ports.jobs.find(jobId))!
const postedTo = (ports: FakePorts) => ports.analysisServer.orders.map(({ job_id }) => job_id)

test('a stored job that nobody posted is posted after the wait, with Redis and SQS away', async () => {
  const { ports, passTime } = createClockedPorts()
  const job = await addJob(ports, 'stored', DIRECT)
  for (const store of [ports.jobQueue, ports.progress, ports.analysisQueue, ports.resultQueue]) store.setDown(true)
  passTime(RULES.waitingS - 1)
  await reconcileDirect(ports, RULES)
  assert.deepEqual(postedTo(ports), [])
  passTime(1)
  await reconcileDirect(ports, RULES)
  assert.deepEqual(postedTo(ports), [job.jobId])
  assert.equal((await rowOf(ports, job)).status, 'forwarded')
  passTime(RULES.waitingS)
  await reconcileDirect(ports, RULES)
  assert.equal(postedTo(ports).length, 1)
})

test('the queue’s reconciler leaves the direct route’s rows alone, and sends none of them to SQS', async () => {
  const { ports, passTime } = createClockedPorts()
  for (const status of ['stored', 'forwarded', 'analysing'] as const) await addJob(ports, status, DIRECT)
  passTime(3600)
  await reconcile(ports, { waitingS: 60, inFlightS: 300, maxAgeS: 86_400 })
  assert.deepEqual([ports.jobQueue.waiting.length, ports.analysisQueue.sent.length], [0, 0])
})

for (const status of ['forwarded', 'analysing'] as const) {
  test(`a ${status} job whose answer never comes ends as failed, once, may be retried and is never sent to SQS`, async () => {
    const { ports, passTime } = createClockedPorts()
    const job = await addJob(ports, status, DIRECT)
    passTime(RULES.answerS - 1)
    await reconcileDirect(ports, RULES)
    assert.equal((await rowOf(ports, job)).status, status)
    passTime(1)
    await Promise.all([reconcileDirect(ports, RULES), reconcileDirect(ports, RULES)])
    const { error } = await rowOf(ports, job)
    assert.deepEqual([error?.code, error?.stage, error?.retryable], ['analysis-server-silent', status, true])
    assert.equal(publishedSteps(ports, job).length, 1)
    assert.deepEqual([ports.analysisQueue.sent.length, postedTo(ports).length], [0, 0])
  })
}

test('an answer that comes between the look and the end counts', async () => {
  const { ports, passTime } = createClockedPorts()
  const job = await addJob(ports, 'forwarded', DIRECT)
  passTime(RULES.answerS)
  const { claimStalled } = ports.jobs
  const claiming: typeof claimStalled = async (rules) => {
    const claimed = await claimStalled(rules)
    await ports.jobs.advance([changeTo(job.jobId, 'completed')])
    return claimed
  }
  await reconcileDirect({ ...ports, jobs: { ...ports.jobs, claimStalled: claiming } }, RULES)
  assert.equal((await rowOf(ports, job)).status, 'completed')
})

test('while the server is away one row tries the way, and the others do not wait longer for it', async () => {
  const { ports, passTime } = createClockedPorts()
  const jobs: Job[] = []
  for (let count = 0; count < 5; count += 1) jobs.push(await addJob(ports, 'stored', DIRECT))
  passTime(RULES.waitingS)
  ports.analysisServer.answers.push(AWAY)
  await reconcileDirect(ports, RULES)
  assert.equal(postedTo(ports).length, 1)
  await reconcileDirect(ports, RULES)
  const statuses = await Promise.all(jobs.map(async (job) => (await rowOf(ports, job)).status))
  assert.deepEqual(statuses.toSorted(), [...Array.from({ length: 4 }, () => 'forwarded'), 'stored'])
})

test('without a direct route waiting rows are left alone, which is said once, and silence still ends a job', async () => {
  const { ports, passTime } = createClockedPorts()
  ports.analysisServer.isConfigured = false
  const [stored, forwarded] = [await addJob(ports, 'stored', DIRECT), await addJob(ports, 'forwarded', DIRECT)]
  passTime(RULES.answerS)
  await reconcileDirect(ports, RULES)
  passTime(RULES.answerS)
  await reconcileDirect(ports, RULES)
  assert.deepEqual([(await rowOf(ports, stored)).status, (await rowOf(ports, forwarded)).status], ['stored', 'failed'])
  assert.deepEqual(postedTo(ports), [])
  assert.equal(ports.log.lines.filter(({ sentence }) => sentence.startsWith('jobs wait for the direct')).length, 1)
})

test('a job with a time of its own is posted when it has come', async () => {
  const { ports, passTime } = createClockedPorts()
  const first = await addJob(ports, 'stored', DIRECT)
  const notBefore = new Date(first.updatedAt.getTime() + 100_000)
  const job = await addJob(ports, 'stored', { ...DIRECT, notBefore })
  await ports.jobs.advance([changeTo(first.jobId, 'cancelled')])
  passTime(99)
  await reconcileDirect(ports, RULES)
  assert.deepEqual(postedTo(ports), [])
  passTime(1)
  await reconcileDirect(ports, RULES)
  assert.deepEqual(postedTo(ports), [job.jobId])
})

test('a pass that is stopped takes no further rows, and the database being away ends it', async () => {
  const { ports, passTime } = createClockedPorts()
  await addJob(ports, 'stored', DIRECT)
  passTime(RULES.waitingS)
  await reconcileDirect(ports, { ...RULES, signal: AbortSignal.abort() })
  assert.deepEqual(postedTo(ports), [])
  ports.jobs.setDown(true)
  await assert.rejects(reconcileDirect(ports, RULES), { code: 'database-unavailable' })
})

test('while all places are taken no row is handed out, so that none waits longer for it', async () => {
  const { ports, passTime } = createClockedPorts()
  const job = await addJob(ports, 'stored', DIRECT)
  passTime(RULES.waitingS)
  const { freePlaces } = ports.analysisServer
  await reconcileDirect({ ...ports, analysisServer: { ...ports.analysisServer, freePlaces: () => 0 } }, RULES)
  assert.deepEqual(postedTo(ports), [])
  assert.equal(freePlaces(), 50)
  await reconcileDirect(ports, RULES)
  assert.deepEqual(postedTo(ports), [job.jobId])
})
