import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { test } from 'node:test'
import { createUuidV7 } from '../../src/domain/ids.ts'
import type { Job } from '../../src/domain/job.ts'
import type { JobStore, QueuedJob } from '../../src/ports.ts'
import { createJobQueue } from '../../src/queues/job-queue.ts'
import { createConnectRedis } from '../../src/queues/redis.ts'
import { forwardJob } from '../../src/services/forward-job.ts'
import { createForwardWindow } from '../../src/services/forward-window.ts'
import { createArrivals, start } from '../contracts/arrivals.ts'
import { changeTo, newJob } from '../contracts/job-store-suite.ts'
import { createTestLog } from '../contracts/test-log.ts'
import { createFakePorts } from '../support/fake-ports.ts'
import { createTestDatabase, skipWithoutPostgres } from '../support/postgres.ts'
import { startTestRedis } from '../support/redis.ts'
import { openJobStore, openMigrated } from '../support/storage.ts'

const WAITING = 1000
const SHARE = 200
const CONCURRENCY = 50
const skip = skipWithoutPostgres
const redis = await startTestRedis()

async function makeQueued(jobs: JobStore, owner: string, count: number): Promise<Job[]> {
  const made: Job[] = []
  for (let at = 0; at < count; at += 1) made.push(await jobs.create(newJob({ jobId: createUuidV7(at), owner })))
  const advanced = await jobs.advance(made.map(({ jobId }) => changeTo(jobId, 'queued')))
  return advanced.flatMap(({ job }) => job ?? [])
}

test('with 1,000 jobs of one owner waiting, the next owner’s is forwarded after that one’s share', {
  skip,
}, async () => {
  const db = await openMigrated({ url: (await createTestDatabase()).url })
  const { store: jobs } = openJobStore(db)
  const log = createTestLog()
  const name = `jobs-${randomUUID()}`
  const queue = createJobQueue({ connect: createConnectRedis(redis.url, log), name, prefix: '{test}', log })
  const noisy = await makeQueued(jobs, 'noisy', WAITING)
  await queue.add([...noisy, ...(await makeQueued(jobs, 'quiet', 1))])

  const ports = { ...createFakePorts(), jobs }
  const begun: string[] = []
  const forwarded = createArrivals<QueuedJob>()
  const forward = async (entry: QueuedJob) => {
    if (entry.owner === 'noisy') begun.push(entry.jobId)
    await forwardJob(ports, entry)
    forwarded.add(entry)
  }
  const { send, room } = createForwardWindow(ports, { size: 5 * SHARE, perOwner: SHARE, forward })
  const consumer = start((signal) => queue.consume(send, { concurrency: CONCURRENCY, signal, room }))
  await forwarded.until(SHARE + 1)
  assert.ok(forwarded.items.some(({ owner }) => owner === 'quiet'))
  assert.equal((await jobs.countInFlight(WAITING)).get('noisy'), SHARE)

  // The fleet takes a share at a time from here on: what is held back moves up, in its order.
  for (let ended = 0; ended < WAITING; ) {
    await forwarded.until(Math.min(WAITING, ended + SHARE) + 1)
    const batch = forwarded.items.filter(({ owner }) => owner === 'noisy').slice(ended)
    assert.ok(batch.length <= SHARE, `${batch.length} at once`)
    const advanced = await jobs.advance(batch.map(({ jobId }) => changeTo(jobId, 'completed')))
    assert.ok(advanced.every(({ moved, job }) => moved && job?.attempt === 1))
    ended += batch.length
  }
  await consumer.stop()
  assert.deepEqual(await queue.counts(), { waiting: 0, active: 0 })
  assert.equal(ports.analysisQueue.sent.length, WAITING + 1)
  // Those that are fetched together may change places; nobody else does.
  const displaced = noisy.map(({ jobId }, place) => Math.abs(begun.indexOf(jobId) - place))
  assert.ok(Math.max(...displaced) < CONCURRENCY, `by ${Math.max(...displaced)}`)
  await queue.close()
  await db.destroy()
})
