import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { afterEach, beforeEach, describe, test } from 'node:test'
import { AppError } from '../../src/domain/errors.ts'
import type { JobQueue, QueuedJob } from '../../src/ports.ts'
import { createArrivals, start } from './arrivals.ts'

export interface OpenJobQueue {
  /** Empty, with three attempts and next to no backoff. */
  readonly queue: JobQueue
  close(): Promise<void>
}

export function queuedJob(fields: Partial<QueuedJob> = {}): QueuedJob {
  return { jobId: randomUUID(), owner: 'acme', attempt: 1, priority: 'normal', notBefore: null, ...fields }
}

/** What every job queue promises. */
export function describeJobQueue(name: string, open: () => Promise<OpenJobQueue>): void {
  describe(name, () => {
    let opened: OpenJobQueue
    let queue: JobQueue
    beforeEach(async () => {
      opened = await open()
      queue = opened.queue
    })
    afterEach(() => opened.close())

    function consume(handler: (entry: QueuedJob) => Promise<void>, concurrency = 10) {
      return start((signal, release) => queue.consume(handler, { concurrency, signal, release }))
    }

    test('a job arrives with its attempt, priority and time', async () => {
      const arrivals = createArrivals<QueuedJob>()
      const consumer = consume(async (entry) => arrivals.add(entry))
      const entry = queuedJob({ attempt: 3, priority: 'low', notBefore: new Date(Date.now() - 1000) })
      await queue.add([entry])
      assert.deepEqual(await arrivals.until(1), [entry])
      await consumer.stop()
    })

    test('an id that waits is not added twice', async () => {
      const entry = queuedJob()
      await queue.add([entry, entry])
      await queue.add([entry, queuedJob({ jobId: entry.jobId, attempt: 2 })])
      assert.deepEqual(await queue.counts(), { waiting: 2, active: 0 })
    })

    test('an id that runs is not added again', async () => {
      const entry = queuedJob()
      const arrivals = createArrivals<QueuedJob>()
      const finish = Promise.withResolvers<void>()
      const consumer = consume(async (job) => {
        arrivals.add(job)
        await finish.promise
      })
      await queue.add([entry])
      await arrivals.until(1)
      await queue.add([entry])
      assert.deepEqual(await queue.counts(), { waiting: 0, active: 1 })
      finish.resolve()
      await consumer.stop()
      assert.deepEqual(await queue.counts(), { waiting: 0, active: 0 })
    })

    test('an id whose job has ended runs again', async () => {
      const entry = queuedJob()
      const arrivals = createArrivals<QueuedJob>()
      await queue.add([entry])
      await runOnce(consume, arrivals, 1)
      await queue.add([entry])
      await runOnce(consume, arrivals, 2)
    })

    test('a job whose handler throws is tried again until its attempts are used up', async () => {
      const tries = createArrivals<QueuedJob>()
      const after = createArrivals<QueuedJob>()
      const entry = queuedJob()
      const consumer = consume(async (job) => {
        if (job.jobId !== entry.jobId) return after.add(job)
        tries.add(job)
        throw new AppError('queue-unavailable', 'try again')
      }, 1)
      await queue.add([entry])
      await tries.until(3)
      await queue.add([queuedJob()])
      await after.until(1)
      assert.equal(tries.items.length, 3)
      await consumer.stop()
      assert.deepEqual(await queue.counts(), { waiting: 0, active: 0 })
    })

    test('a final error is not tried again', async () => {
      const entry = queuedJob()
      const arrivals = createArrivals<QueuedJob>()
      const consumer = consume(async (job) => {
        arrivals.add(job)
        if (job.jobId === entry.jobId) throw new AppError('message-invalid', 'never')
      }, 1)
      await queue.add([entry])
      await arrivals.until(1)
      await queue.add([queuedJob()])
      await arrivals.until(2)
      await consumer.stop()
      assert.equal(arrivals.items.filter((job) => job.jobId === entry.jobId).length, 1)
      assert.deepEqual(await queue.counts(), { waiting: 0, active: 0 })
    })

    test('jobs run by priority, and in their order within one', async () => {
      const entries = (['low', 'normal', 'high', 'normal'] as const).map((priority) => queuedJob({ priority }))
      for (const entry of entries) await queue.add([entry])
      const arrivals = createArrivals<QueuedJob>()
      const consumer = consume(async (job) => arrivals.add(job), 1)
      const [low, first, high, second] = entries
      assert.deepEqual(await arrivals.until(4), [high, first, second, low])
      await consumer.stop()
    })

    test('a job does not start before its time', async () => {
      const notBefore = new Date(Date.now() + 300)
      const arrivals = createArrivals<number>()
      const consumer = consume(async () => arrivals.add(Date.now()))
      await queue.add([queuedJob({ notBefore })])
      assert.deepEqual(await queue.counts(), { waiting: 1, active: 0 })
      const [startedAt = 0] = await arrivals.until(1)
      assert.ok(startedAt >= notBefore.getTime() - 1)
      await consumer.stop()
    })

    test('no more jobs run at once than asked for', async () => {
      let running = 0
      let most = 0
      const done = createArrivals<string>()
      const consumer = consume(async (job) => {
        running += 1
        most = Math.max(most, running)
        await new Promise(setImmediate)
        running -= 1
        done.add(job.jobId)
      }, 3)
      await queue.add(Array.from({ length: 20 }, () => queuedJob()))
      await done.until(20)
      await consumer.stop()
      assert.ok(most <= 3, `${most} at once`)
    })

    test('a stop finishes what is held and takes nothing more', async () => {
      const arrivals = createArrivals<QueuedJob>()
      const finish = Promise.withResolvers<void>()
      let finished = 0
      const consumer = consume(async (job) => {
        arrivals.add(job)
        await finish.promise
        finished += 1
      }, 1)
      await queue.add([queuedJob(), queuedJob()])
      await arrivals.until(1)
      const stopped = consumer.stop()
      finish.resolve()
      await stopped
      assert.equal(finished, 1)
      assert.deepEqual(await queue.counts(), { waiting: 1, active: 0 })
    })

    test('released work waits again and uses up no attempt', async () => {
      const entry = queuedJob()
      const arrivals = createArrivals<QueuedJob>()
      await queue.add([entry])
      for (let round = 1; round <= 4; round += 1) {
        const consumer = consume((job) => {
          arrivals.add(job)
          return new Promise(() => {})
        })
        await arrivals.until(round)
        await consumer.release()
        assert.deepEqual(await queue.counts(), { waiting: 1, active: 0 })
      }
    })

    test('a consumer that is stopped already takes nothing', async () => {
      await queue.add([queuedJob()])
      await queue.consume(() => assert.fail('taken'), { concurrency: 1, signal: AbortSignal.abort() })
    })
  })
}

async function runOnce(
  consume: (handler: (entry: QueuedJob) => Promise<void>) => { stop(): Promise<void> },
  arrivals: ReturnType<typeof createArrivals<QueuedJob>>,
  count: number,
): Promise<void> {
  const consumer = consume(async (job) => arrivals.add(job))
  await arrivals.until(count)
  await consumer.stop()
}
