import assert from 'node:assert/strict'
import { afterEach, beforeEach, describe, test } from 'node:test'
import { AppError } from '../../src/domain/errors.ts'
import { createUuidV7 } from '../../src/domain/ids.ts'
import type { JobQueue, QueuedJob, Room } from '../../src/ports.ts'
import { createArrivals, start } from './arrivals.ts'
import { type OpenJobQueue, queuedJob } from './job-queue.ts'

const roomFor = (places: number, placesOf = (_owner: string) => places): Room => ({ places, placesOf })

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
      const room = async () => roomFor(size - arrivals.items.length)
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

    test('who waits for a place of its owner’s is in nobody’s way, keeps its order and runs once there is one', async () => {
      const arrivals = createArrivals<QueuedJob>()
      const ofOwner = (owner: string) => arrivals.items.filter((entry) => entry.owner === owner)
      let perOwner = 3
      const room = async () => {
        const taken = Object.groupBy(arrivals.items, ({ owner }) => owner)
        return roomFor(100, (owner) => perOwner - (taken[owner]?.length ?? 0))
      }
      const noisy = Array.from({ length: 40 }, (_, i) => queuedJob({ jobId: createUuidV7(i), owner: 'noisy' }))
      const quiet = queuedJob({ jobId: createUuidV7(100), owner: 'quiet', priority: 'low' })
      await queue.add([...noisy, quiet])
      const consumer = start((signal, release) =>
        queue.consume(async (job) => arrivals.add(job), { concurrency: 1, signal, release, room }),
      )
      await arrivals.until(4)
      assert.deepEqual(ofOwner('noisy'), noisy.slice(0, 3))
      assert.deepEqual(ofOwner('quiet'), [quiet])
      const urgent = queuedJob({ jobId: createUuidV7(101), owner: 'noisy', priority: 'high' })
      const later = queuedJob({ jobId: createUuidV7(102), owner: 'quiet' })
      await queue.add([urgent, later])
      await arrivals.until(5)
      assert.deepEqual(ofOwner('quiet'), [quiet, later])
      perOwner = 10
      await arrivals.until(12)
      perOwner = 100
      await arrivals.until(43)
      await consumer.stop()
      assert.deepEqual(ofOwner('noisy'), [...noisy.slice(0, 3), urgent, ...noisy.slice(3)])
      assert.deepEqual(await queue.counts(), { waiting: 0, active: 0 })
    })

    test('what is held back when a consumer stops is taken by the next, taken out or not tried in vain', async () => {
      const arrivals = createArrivals<QueuedJob>()
      const [first, second, gone] = [1, 2, 3].map((at) => queuedJob({ jobId: createUuidV7(at), owner: 'noisy' }))
      const last = queuedJob({ owner: 'quiet', priority: 'low' })
      await queue.add([first!, second!, gone!, last])
      const handle = async (job: QueuedJob) => arrivals.add(job)
      const holding = start((signal) =>
        queue.consume(handle, {
          concurrency: 1,
          signal,
          room: async () => roomFor(10, (owner) => (owner === 'noisy' ? 0 : 10)),
        }),
      )
      assert.deepEqual(await arrivals.until(1), [last])
      await queue.remove(gone!.jobId, 1)
      await holding.stop()
      assert.deepEqual(await queue.counts(), { waiting: 2, active: 0 })
      const consumer = consume(handle, 1)
      assert.deepEqual(await arrivals.until(3), [last, first, second])
      await consumer.stop()
    })

    test('while nobody knows the room nothing is taken, and a stop is heard', async () => {
      const arrivals = createArrivals<QueuedJob>()
      const asked = createArrivals<number>()
      let known = false
      const room = async () => {
        asked.add(asked.items.length)
        if (!known) throw new AppError('database-unavailable', 'away')
        return roomFor(1)
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
