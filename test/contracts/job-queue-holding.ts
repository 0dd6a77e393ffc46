import assert from 'node:assert/strict'
import { afterEach, beforeEach, describe, test } from 'node:test'
import { AppError } from '../../src/domain/errors.ts'
import { createUuidV7 } from '../../src/domain/ids.ts'
import type { JobQueue, QueuedJob } from '../../src/ports.ts'
import { createArrivals, start } from './arrivals.ts'
import { type OpenJobQueue, queuedJob } from './job-queue.ts'

/** What every job queue promises of jobs that are taken out, or held back. */
export function describeHolding(name: string, open: () => Promise<OpenJobQueue>): void {
  describe(`${name}, taking out and holding back`, () => {
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

    test('a waiting job is taken out; one that runs, or is not there, is left alone', async () => {
      const [kept, removed, running] = [queuedJob(), queuedJob(), queuedJob({ priority: 'high' })]
      await queue.add([kept, removed, running])
      await queue.remove(removed.jobId, 2)
      await queue.remove(removed.jobId, 1)
      await queue.remove(removed.jobId, 1)
      assert.deepEqual(await queue.counts(), { waiting: 2, active: 0 })
      const arrivals = createArrivals<QueuedJob>()
      const finish = Promise.withResolvers<void>()
      const consumer = consume(async (job) => {
        arrivals.add(job)
        await finish.promise
      }, 1)
      await arrivals.until(1)
      await queue.remove(running.jobId, 1)
      finish.resolve()
      assert.deepEqual(await arrivals.until(2), [running, kept])
      await consumer.stop()
    })

    test('a job taken out while it waits for its time does not run', async () => {
      const [removed, kept] = [200, 300].map((ms) => queuedJob({ notBefore: new Date(Date.now() + ms) }))
      await queue.add([removed!, kept!])
      await queue.remove(removed!.jobId, 1)
      const arrivals = createArrivals<QueuedJob>()
      const consumer = consume(async (job) => arrivals.add(job))
      assert.deepEqual(await arrivals.until(1), [kept])
      await consumer.stop()
    })

    test('no more is taken than there is room for, and what waits keeps its order and its attempts', async () => {
      const arrivals = createArrivals<QueuedJob>()
      let size = 5
      const room = async () => size - arrivals.items.length
      // Ids as the API makes them: what is fetched without room goes back in their order.
      const low = Array.from({ length: 50 }, (_, i) => queuedJob({ jobId: createUuidV7(i), priority: 'low' }))
      await queue.add(low)
      const consumer = start((signal, release) =>
        queue.consume(async (job) => arrivals.add(job), { concurrency: 10, signal, release, room }),
      )
      await arrivals.until(5)
      const high = queuedJob({ priority: 'high' })
      await queue.add([high])
      for (let grown = 1; grown <= 5; grown += 1) {
        size += 1
        await arrivals.until(5 + grown)
      }
      size = 1000
      await arrivals.until(51)
      await consumer.stop()
      assert.deepEqual(arrivals.items, [...low.slice(0, 5), high, ...low.slice(5)])
      assert.deepEqual(await queue.counts(), { waiting: 0, active: 0 })
    })

    test('while nobody knows the room nothing is taken, and a stop is heard', async () => {
      const arrivals = createArrivals<QueuedJob>()
      const asked = createArrivals<number>()
      let known = false
      const room = async () => {
        asked.add(asked.items.length)
        if (!known) throw new AppError('database-unavailable', 'away')
        return 1
      }
      await queue.add([queuedJob(), queuedJob()])
      const begin = () =>
        start((signal) => queue.consume(async (job) => arrivals.add(job), { concurrency: 2, signal, room }))
      const held = begin()
      await asked.until(2)
      await held.stop()
      assert.deepEqual(arrivals.items, [])
      const going = begin()
      known = true
      await arrivals.until(2)
      await going.stop()
    })
  })
}
