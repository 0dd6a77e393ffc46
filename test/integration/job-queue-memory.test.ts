import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Redis } from 'ioredis'
import { AppError } from '../../src/domain/errors.ts'
import type { QueuedJob, Room } from '../../src/ports.ts'
import { createJobQueue } from '../../src/queues/job-queue.ts'
import { createConnectRedis } from '../../src/queues/redis.ts'
import { createArrivals, start } from '../contracts/arrivals.ts'
import { queuedJob } from '../contracts/job-queue.ts'
import { createTestLog } from '../contracts/test-log.ts'
import { startTestRedis } from '../support/redis.ts'

const JOBS = 1000
const redis = await startTestRedis()
const log = createTestLog()

test('a thousand jobs, done, tried again, given up or held back, leave neither keys nor memory in Redis', async () => {
  const connect = createConnectRedis(redis.url, log)
  const queue = createJobQueue({ connect, name: 'jobs', prefix: '{test}', log, backoff: { baseMs: 2, maxMs: 4 } })
  const client = new Redis(redis.url)
  // As many as are measured: what a burst of this size makes Redis hold for good is held from the first one on.
  await runAll(queue, JOBS)
  const before = await look(client)
  await runAll(queue, JOBS)
  const after = await look(client)
  assert.deepEqual(after.keys, before.keys)
  const grownBytes = after.usedBytes - before.usedBytes
  assert.ok(grownBytes < 256 * 1024, `${grownBytes} bytes more`)
  client.disconnect()
  await queue.close()
})

/** Every tenth fails once, every hundredth for good, and each owner has fewer places than jobs. */
async function runAll(queue: ReturnType<typeof createJobQueue>, count: number): Promise<void> {
  const ended = createArrivals<string>()
  const tries = new Map<string, number>()
  const jobs = Array.from({ length: count }, (_, i) => queuedJob({ owner: `owner-${i % 2}` }))
  const numbers = new Map(jobs.map(({ jobId }, i) => [jobId, i]))
  const room = async (): Promise<Room> => ({ places: count, placesOf: () => Math.ceil(count / 4) })
  const consumer = start((signal) => queue.consume(work, { concurrency: 20, signal, room }))
  async function work({ jobId }: QueuedJob): Promise<void> {
    const number = numbers.get(jobId) ?? 0
    tries.set(jobId, (tries.get(jobId) ?? 0) + 1)
    if (number % 10 === 5 && tries.get(jobId) === 1) throw new AppError('queue-unavailable', 'again')
    ended.add(jobId)
    if (number % 100 === 0) throw new AppError('message-invalid', 'never again')
  }
  await queue.add(jobs)
  await ended.until(count)
  await consumer.stop()
  assert.deepEqual(await queue.counts(), { waiting: 0, active: 0 })
  assert.ok([...numbers].every(([jobId, number]) => tries.get(jobId) === (number % 10 === 5 ? 2 : 1)))
}

async function look(client: Redis): Promise<{ keys: string[]; usedBytes: number }> {
  const [, usedBytes] = /^used_memory:(\d+)/m.exec(await client.info('memory')) ?? []
  return { keys: (await client.keys('*')).sort(), usedBytes: Number(usedBytes) }
}
