/**
 * Two forwarders at once, and an owner that is held to its share. Each knows only what it holds itself, so the order of
 * the owner's jobs is promised exactly of one forwarder, and approximately of several (docs/decisions/fairness.md).
 */
import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { test } from 'node:test'
import { createUuidV7 } from '../../src/domain/ids.ts'
import type { Job } from '../../src/domain/job.ts'
import type { QueuedJob } from '../../src/ports.ts'
import { createJobQueue } from '../../src/queues/job-queue.ts'
import { createConnectRedis } from '../../src/queues/redis.ts'
import { forwardJob } from '../../src/services/forward-job.ts'
import { createForwardWindow } from '../../src/services/forward-window.ts'
import { createArrivals, start } from '../contracts/arrivals.ts'
import { changeTo, newJob } from '../contracts/job-store-suite.ts'
import { createTestLog } from '../contracts/test-log.ts'
import { createFakePorts } from '../support/fake-ports.ts'
import { startTestRedis } from '../support/redis.ts'

const SHARE = 20
const redis = await startTestRedis()
const log = createTestLog()
const ofNoisy = ({ owner }: QueuedJob) => owner === 'noisy'

/** Two forwarders on one queue and on the same rows. */
function openForwarders(concurrency: number) {
  const ports = createFakePorts()
  const forwarded = createArrivals<QueuedJob>()
  const name = `jobs-${randomUUID()}`
  const open = () => createJobQueue({ connect: createConnectRedis(redis.url, log), name, prefix: '{test}', log })
  const queues = [open(), open()] as const
  const startOne = (queue: (typeof queues)[number]) => {
    const forward = async (entry: QueuedJob) => {
      await forwardJob(ports, entry)
      forwarded.add(entry)
    }
    const { send, room } = createForwardWindow(ports, { size: 10 * SHARE, perOwner: SHARE, forward })
    return start((signal) => queue.consume(send, { concurrency, signal, room }))
  }
  let made = 0
  const add = async (owner: string, count: number): Promise<Job[]> => {
    const jobs: Job[] = []
    for (let i = 0; i < count; i += 1) {
      made += 1
      jobs.push(await ports.jobs.create(newJob({ jobId: createUuidV7(made), owner })))
    }
    const queued = await ports.jobs.advance(jobs.map(({ jobId }) => changeTo(jobId, 'queued')))
    await queues[0].add(queued.flatMap(({ job }) => job ?? []))
    return jobs
  }
  const complete = (entries: readonly QueuedJob[]) =>
    ports.jobs.advance(entries.map(({ jobId }) => changeTo(jobId, 'completed')))
  const close = () => Promise.all(queues.map((queue) => queue.close()))
  return { ports, queues, forwarded, add, complete, startAll: () => queues.map(startOne), close }
}

/** How many that were made after it went before each. */
function overtakingsOf(went: readonly string[]): number[] {
  return went.map((id, place) => went.slice(0, place).filter((other) => other > id).length)
}

test('two forwarders hold an owner to its share but for what each sends between two counts, and send all once, roughly in order', async () => {
  const WAITING = 120
  const { ports, queues, forwarded, add, complete, startAll, close } = openForwarders(10)
  const noisy = await add('noisy', WAITING)
  await add('quiet', 1)
  const consumers = startAll()
  // Nothing leaves SQS yet: who comes last is reached all the same.
  await forwarded.until(({ owner }) => owner === 'quiet')
  await forwarded.until(SHARE + 1)
  let most = 0
  for (let ended = 0; ended < WAITING; ) {
    await forwarded.until(Math.min(WAITING, ended + SHARE) + 1)
    const batch = forwarded.items.filter(ofNoisy).slice(ended)
    most = Math.max(most, batch.length)
    await complete(batch)
    ended += batch.length
  }
  await Promise.all(consumers.map(({ stop }) => stop()))
  assert.ok(most <= 2 * SHARE, `${most} at once`)
  assert.deepEqual(await queues[0].counts(), { waiting: 0, active: 0 })
  const went = forwarded.items.filter(ofNoisy).map(({ jobId }) => jobId)
  assert.deepEqual(
    went.toSorted(),
    noisy.map(({ jobId }) => jobId),
  )
  assert.equal(ports.analysisQueue.sent.length, WAITING + 1)
  const meanOvertakings = overtakingsOf(went).reduce((sum, count) => sum + count) / WAITING
  // Drawn by lot each would be overtaken by a quarter of all.
  assert.ok(meanOvertakings < WAITING / 8, `overtaken by ${meanOvertakings} on average: ${went}`)
  await close()
})

test('once one of two forwarders has stopped, the other sends what is left of each owner in its order', async () => {
  const WAITING = 100
  const { queues, forwarded, add, complete, startAll, close } = openForwarders(1)
  await add('noisy', WAITING)
  await add('quiet', 1)
  const [stopping, staying] = startAll()
  await forwarded.until(({ owner }) => owner === 'quiet')
  await stopping?.stop()
  // Behind all that was given back: once it has gone, the one that stays knows all that waits.
  await add('last', 1)
  await forwarded.until(({ owner }) => owner === 'last')
  const before = forwarded.items.filter(ofNoisy).length
  for (let ended = 0; ended < WAITING; ) {
    const batch = forwarded.items.filter(ofNoisy).slice(ended)
    await complete(batch)
    ended += batch.length
    await forwarded.until(Math.min(WAITING, ended + 1) + 2)
  }
  await staying?.stop()
  const after = forwarded.items.filter(ofNoisy).slice(before)
  assert.ok(after.length >= WAITING - 2 * SHARE, `${after.length} were left`)
  assert.deepEqual(
    after.map(({ jobId }) => jobId),
    after.map(({ jobId }) => jobId).toSorted(),
  )
  assert.deepEqual(await queues[0].counts(), { waiting: 0, active: 0 })
  await close()
})
