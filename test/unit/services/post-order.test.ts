import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Job } from '../../../src/domain/job.ts'
import { dispatchJob } from '../../../src/services/dispatch-job.ts'
import { beginPost } from '../../../src/services/post-order.ts'
import { retryJob } from '../../../src/services/retry-job.ts'
import { changeTo } from '../../contracts/job-store-suite.ts'
import { createFakeAnalysisServer } from '../../fakes/fake-analysis-server.ts'
import { addJob, createFakePorts, type FakePorts, publishedSteps } from '../../support/fake-ports.ts'

const DIRECT = { route: 'direct' } as const
const UNAVAILABLE = { kind: 'unavailable', status: 503, detail: 'it answered 503' } as const
const rowOf = async (ports: FakePorts, { jobId }: Job): Promise<Job> => (await ports.jobs.find(jobId))!
const hopsOf = async (ports: FakePorts, { jobId }: Job) =>
  (await ports.timeline.read(jobId)).map(({ hop, outcome }) => `${hop} ${outcome}`)

test('a job of the direct route is returned as stored while its order is on its way, and forwarded once it was taken', async () => {
  const ports = createFakePorts()
  const answer = Promise.withResolvers<{ kind: 'accepted'; status: number }>()
  ports.analysisServer.answers.push(answer.promise)
  const job = await addJob(ports, 'stored', DIRECT)
  assert.equal((await dispatchJob(ports, job)).status, 'stored')
  answer.resolve({ kind: 'accepted', status: 202 })
  await ports.analysisServer.settled()
  assert.equal((await rowOf(ports, job)).status, 'forwarded')
  assert.deepEqual(publishedSteps(ports, job), ['forwarded 60'])
  assert.deepEqual(await hopsOf(ports, job), ['direct sent'])
  assert.equal(ports.jobQueue.waiting.length, 0)
  const [order] = ports.analysisServer.orders
  assert.deepEqual(
    [order?.job_id, order?.attempt, order?.token_id, order?.callback_url],
    [job.jobId, 1, 'greeting-1', `http://api.test/webhooks/analysis?job_id=${job.jobId}`],
  )
})

test('an answer that overtakes the record of its order is not undone by it', async () => {
  const ports = createFakePorts()
  const job = await addJob(ports, 'stored', DIRECT)
  const { submit } = ports.analysisServer
  ports.analysisServer.submit = async (...given) => {
    const answer = await submit(...given)
    await ports.jobs.advance([changeTo(job.jobId, 'completed')])
    return answer
  }
  await dispatchJob(ports, job)
  await ports.analysisServer.settled()
  assert.equal((await rowOf(ports, job)).status, 'completed')
})

test('an order that is refused ends its job, with the status; one that could not be read may be tried again', async () => {
  const ports = createFakePorts()
  for (const [refusal, retryable] of [
    [413, false],
    [415, false],
    [400, true],
    [422, true],
  ] as const) {
    ports.analysisServer.answers.push({ kind: 'refused', status: refusal, detail: `it answered ${refusal}` })
    const job = await addJob(ports, 'stored', DIRECT)
    await dispatchJob(ports, job)
    await ports.analysisServer.settled()
    const { status, error } = await rowOf(ports, job)
    assert.deepEqual([status, error?.code, error?.retryable], ['failed', 'analysis-server-refused', retryable])
    assert.ok(error?.detail.includes(`${refusal}`))
    assert.deepEqual(publishedSteps(ports, job), ['failed 25'])
  }
})

test('a refusal does not end a job whose earlier order was taken', async () => {
  const ports = createFakePorts()
  const job = await addJob(ports, 'stored', DIRECT)
  const { submit } = ports.analysisServer
  ports.analysisServer.answers.push({ kind: 'refused', status: 400, detail: 'it answered 400' })
  ports.analysisServer.submit = async (...given) => {
    await ports.jobs.advance([changeTo(job.jobId, 'analysing')])
    return submit(...given)
  }
  await dispatchJob(ports, job)
  await ports.analysisServer.settled()
  assert.equal((await rowOf(ports, job)).status, 'analysing')
})

test('a server that cannot be reached leaves the job stored, and is counted', async () => {
  const ports = createFakePorts()
  ports.analysisServer.answers.push(UNAVAILABLE)
  const job = await addJob(ports, 'stored', DIRECT)
  await dispatchJob(ports, job)
  await ports.analysisServer.settled()
  assert.deepEqual(await rowOf(ports, job), job)
  assert.deepEqual(await hopsOf(ports, job), ['direct unavailable'])
  assert.equal(ports.metrics.counted('direct_calls', { outcome: 'unavailable' }), 1)
})

test('above its places nothing is tried, and the row waits for the reconciler', async () => {
  const ports = { ...createFakePorts(), analysisServer: createFakeAnalysisServer({ places: 1 }) }
  const answer = Promise.withResolvers<typeof UNAVAILABLE>()
  ports.analysisServer.answers.push(answer.promise)
  const [first, second] = [await addJob(ports, 'stored', DIRECT), await addJob(ports, 'stored', DIRECT)]
  await dispatchJob(ports, first)
  await dispatchJob(ports, second)
  answer.resolve(UNAVAILABLE)
  await ports.analysisServer.settled()
  assert.deepEqual(
    ports.analysisServer.orders.map(({ job_id }) => job_id),
    [first.jobId],
  )
  assert.deepEqual(await hopsOf(ports, second), ['direct deferred'])
})

test('a failed job is not retried where the direct route is gone: nobody would post it', async () => {
  const ports = createFakePorts()
  ports.analysisServer.isConfigured = false
  const [direct, queue] = [await addJob(ports, 'failed', DIRECT), await addJob(ports, 'failed', { route: 'queue' })]
  await assert.rejects(retryJob(ports, direct), { code: 'direct-route-missing' })
  assert.deepEqual(await rowOf(ports, direct), direct)
  assert.equal((await retryJob(ports, queue)).attempt, 2)
})

test('a job that was cancelled, or has a time of its own, is not posted', async () => {
  const ports = createFakePorts()
  const cancelled = await addJob(ports, 'stored', DIRECT)
  await ports.jobs.advance([changeTo(cancelled.jobId, 'cancelled')])
  await dispatchJob(ports, cancelled)
  const later = await addJob(ports, 'stored', { ...DIRECT, notBefore: new Date(Date.now() + 60_000) })
  await dispatchJob(ports, later)
  await ports.analysisServer.settled()
  assert.deepEqual(ports.analysisServer.orders, [])
})

test('whether the time of a job has come is the database’s to say, whatever the clock of the process', async () => {
  const ports = createFakePorts()
  const job = await addJob(ports, 'stored', { ...DIRECT, notBefore: new Date(Date.now() + 60_000) })
  const held = { ...job, updatedAt: new Date(Date.now() - 120_000), notBefore: new Date(Date.now() - 60_000) }
  beginPost(ports, held)
  await ports.analysisServer.settled()
  assert.deepEqual(ports.analysisServer.orders, [])
  beginPost(ports, { ...held, updatedAt: new Date(Date.now() - 60_000) })
  await ports.analysisServer.settled()
  assert.equal(ports.analysisServer.orders.length, 1)
})

test('a process killed between the post and its record posts once more, and then both rows and story go on', async () => {
  const ports = createFakePorts()
  const job = await addJob(ports, 'stored', DIRECT)
  ports.analysisServer.submit = async () => {
    ports.jobs.setDown(true)
    return { kind: 'accepted', status: 202 }
  }
  await dispatchJob(ports, job)
  await ports.analysisServer.settled()
  ports.jobs.setDown(false)
  assert.equal((await rowOf(ports, job)).status, 'stored')
  const after = { ...ports, analysisServer: createFakeAnalysisServer() }
  await dispatchJob(after, job)
  await after.analysisServer.settled()
  await dispatchJob(after, job)
  await after.analysisServer.settled()
  assert.equal((await rowOf(ports, job)).status, 'forwarded')
  assert.equal(after.analysisServer.orders.length, 1, 'a repeat of what is recorded posts nothing')
})

test('what is under way is waited for when the process stops, and broken off when its time is over', async () => {
  const ports = createFakePorts()
  ports.analysisServer.answers.push(new Promise(() => {}))
  const job = await addJob(ports, 'stored', DIRECT)
  await dispatchJob(ports, job)
  const release = new AbortController()
  const settling = ports.analysisServer.settle(release.signal)
  release.abort(new Error('the budget is over'))
  await settling
  assert.deepEqual(await rowOf(ports, job), job)
  assert.equal(ports.metrics.counted('direct_calls', { outcome: 'broken-off' }), 1)
  await dispatchJob(ports, job)
  assert.equal(ports.metrics.counted('direct_calls', { outcome: 'full' }), 1, 'a process that stops begins nothing')
})

test('a retry of a job of the direct route is posted with its new attempt, and never added to the queue', async () => {
  const ports = createFakePorts()
  const job = await addJob(ports, 'failed', DIRECT)
  const again = await retryJob(ports, job)
  assert.deepEqual([again.status, again.attempt], ['stored', 2])
  await ports.analysisServer.settled()
  assert.equal(ports.analysisServer.orders[0]?.attempt, 2)
  assert.deepEqual([(await rowOf(ports, job)).status, ports.jobQueue.waiting.length], ['forwarded', 0])
})
