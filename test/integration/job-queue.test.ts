import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { test } from 'node:test'
import { Redis } from 'ioredis'
import { AppError } from '../../src/domain/errors.ts'
import type { QueuedJob } from '../../src/ports.ts'
import { createJobQueue } from '../../src/queues/job-queue.ts'
import { createConnectRedis } from '../../src/queues/redis.ts'
import { createArrivals, start } from '../contracts/arrivals.ts'
import { describeJobQueue, queuedJob } from '../contracts/job-queue.ts'
import { describeHolding } from '../contracts/job-queue-holding.ts'
import { createTestLog } from '../contracts/test-log.ts'
import { startTestRedis } from '../support/redis.ts'

const redis = await startTestRedis()
const log = createTestLog()
const connect = createConnectRedis(redis.url, log)

function openQueue(name = `jobs-${randomUUID()}`) {
  return createJobQueue({
    connect,
    name,
    prefix: '{test}',
    log,
    attempts: 3,
    backoff: { baseMs: 2, maxMs: 4 },
    lockDurationMs: 1000,
  })
}

const isUnavailable = (error: unknown) => error instanceof AppError && error.code === 'queue-unavailable'

/** Adds as the reconciler does: again until it works. */
async function addUntilUp(queue: ReturnType<typeof openQueue>, entry: QueuedJob): Promise<void> {
  for (;;) {
    try {
      return await queue.add([entry])
    } catch (error) {
      assert.ok(isUnavailable(error), String(error))
      await new Promise(setImmediate)
    }
  }
}

const open = async () => {
  const queue = openQueue()
  return { queue, close: () => queue.close() }
}
describeJobQueue('the BullMQ job queue', open)
describeHolding('the BullMQ job queue', open)

test('a queue made while Redis is down rejects in under two seconds, and works by itself when Redis comes', async () => {
  await redis.stop()
  const queue = openQueue()
  const began = performance.now()
  await assert.rejects(queue.add([queuedJob()]), isUnavailable)
  await assert.rejects(queue.counts(), isUnavailable)
  assert.ok(performance.now() - began < 2000)
  const arrivals = createArrivals<QueuedJob>()
  const consumer = start((signal) => queue.consume(async (job) => arrivals.add(job), { concurrency: 2, signal }))
  await redis.start()
  const entry = queuedJob()
  await addUntilUp(queue, entry)
  assert.deepEqual(await arrivals.until(1), [entry])
  await consumer.stop()
  await queue.close()
})

test('after a Redis that died and came back empty, jobs flow again to the consumer that was there', async () => {
  const queue = openQueue()
  const arrivals = createArrivals<string>()
  const consumer = start((signal) => queue.consume(async (job) => arrivals.add(job.jobId), { concurrency: 2, signal }))
  const [before, after] = [queuedJob(), queuedJob()]
  await queue.add([before])
  await arrivals.until(1)
  await redis.kill()
  await assert.rejects(queue.add([after]), isUnavailable)
  await redis.start()
  await addUntilUp(queue, after)
  assert.deepEqual(await arrivals.until(2), [before.jobId, after.jobId])
  await consumer.stop()
  await queue.close()
})

test('a consumer stops within five seconds while Redis is down, also with work in hand', async () => {
  const queue = openQueue()
  const arrivals = createArrivals<string>()
  const finish = Promise.withResolvers<void>()
  const consumer = start((signal) =>
    queue.consume(
      async (job) => {
        arrivals.add(job.jobId)
        await finish.promise
      },
      { concurrency: 2, signal },
    ),
  )
  await queue.add([queuedJob()])
  await arrivals.until(1)
  await redis.kill()
  const began = performance.now()
  const stopped = consumer.stop()
  finish.resolve()
  await stopped
  assert.ok(performance.now() - began < 5000)
  await queue.close()
  await redis.start()
})

test('a job whose worker died is run by another, however often that happens', async () => {
  const name = `jobs-${randomUUID()}`
  const queue = openQueue(name)
  const entry = queuedJob()
  await queue.add([entry])
  const dead: { release(): Promise<void> }[] = []
  for (let death = 1; death <= 3; death += 1) {
    const connections: Redis[] = []
    const doomed = createJobQueue({
      connect: (role) => {
        const connection = connect(role)
        connections.push(connection)
        return connection
      },
      name,
      prefix: '{test}',
      log,
      lockDurationMs: 500,
    })
    const taken = createArrivals<string>()
    const consumer = start((signal, release) =>
      doomed.consume(
        (job) => {
          taken.add(job.jobId)
          return new Promise(() => {})
        },
        { concurrency: 1, signal, release },
      ),
    )
    await taken.until(1)
    // What a kill does to Redis: the connections end, and nobody renews the lock.
    for (const connection of connections) connection.disconnect()
    dead.push(consumer)
  }
  const arrivals = createArrivals<QueuedJob>()
  const consumer = start((signal) => queue.consume(async (job) => arrivals.add(job), { concurrency: 1, signal }))
  assert.deepEqual(await arrivals.until(1), [entry])
  await consumer.stop()
  await queue.close()
  await Promise.all(dead.map((consumer) => consumer.release()))
})

test('ended jobs leave nothing behind but the bounded stream of events', async () => {
  const name = `jobs-${randomUUID()}`
  const queue = openQueue(name)
  const arrivals = createArrivals<string>()
  const consumer = start((signal) => queue.consume(async (job) => arrivals.add(job.jobId), { concurrency: 50, signal }))
  await queue.add(Array.from({ length: 1200 }, () => queuedJob()))
  await arrivals.until(1200)
  await consumer.stop()
  const client = new Redis(redis.url)
  const keys = await client.keys(`{test}:${name}:*`)
  assert.deepEqual(
    keys.filter((key) => /:[0-9a-f]{8}-/.test(key.slice(`{test}:${name}`.length))),
    [],
  )
  assert.ok((await client.xlen(`{test}:${name}:events`)) < 200)
  client.disconnect()
  await queue.close()
})
