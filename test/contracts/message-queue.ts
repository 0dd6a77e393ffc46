import assert from 'node:assert/strict'
import { afterEach, beforeEach, describe, test } from 'node:test'
import { AppError } from '../../src/domain/errors.ts'
import type { MessageQueue, OutgoingMessage, ReceivedMessage } from '../../src/ports.ts'
import { createArrivals, start } from './arrivals.ts'

export interface OpenMessageQueue {
  /** Empty; a message that failed comes back at once or soon, and is dead after three receives. */
  readonly queue: MessageQueue
  close(): Promise<void>
}

export function message(body: string, groupId = 'acme'): OutgoingMessage {
  return { body, groupId }
}

/** What every message queue promises. */
export function describeMessageQueue(name: string, open: () => Promise<OpenMessageQueue>): void {
  describe(name, () => {
    let opened: OpenMessageQueue
    let queue: MessageQueue
    beforeEach(async () => {
      opened = await open()
      queue = opened.queue
    })
    afterEach(() => opened.close())

    function consume(
      handler: (received: ReceivedMessage) => Promise<void>,
      { concurrency = 10, probe }: { concurrency?: number; probe?: () => Promise<void> } = {},
    ) {
      return start((signal, release) =>
        queue.consume(handler, { concurrency, signal, release, ...(probe === undefined ? {} : { probe }) }),
      )
    }

    test('every message sent arrives, once when its handler returns', async () => {
      const bodies = Array.from({ length: 25 }, (_, i) => `message ${i} äöü`)
      assert.deepEqual(await queue.send(bodies.map((body) => message(body))), Array(25).fill(undefined))
      const arrivals = createArrivals<string>()
      const consumer = consume(async ({ body }) => arrivals.add(body))
      await arrivals.until(25)
      await consumer.stop()
      assert.deepEqual([...arrivals.items].sort(), bodies.sort())
      assert.deepEqual(await queue.depth(), { visible: 0, inFlight: 0, dead: 0 })
    })

    test('nothing sent is answered by nothing', async () => {
      assert.deepEqual(await queue.send([]), [])
    })

    test('a message whose handler throws comes back with a higher receive count', async () => {
      const counts = createArrivals<number>()
      const consumer = consume(async ({ receiveCount }) => {
        counts.add(receiveCount)
        if (receiveCount < 3) throw new AppError('database-unavailable', 'again')
      })
      await queue.send([message('a')])
      assert.deepEqual(await counts.until(3), [1, 2, 3])
      await consumer.stop()
      assert.deepEqual(await queue.depth(), { visible: 0, inFlight: 0, dead: 0 })
    })

    test('a message that is poison ends in the dead-letter queue, and the others do not', async () => {
      const others = createArrivals<string>()
      const consumer = consume(async ({ body }) => {
        if (body === 'poison') throw new AppError('message-invalid', 'never')
        others.add(body)
      })
      await queue.send([message('poison'), message('sound')])
      await others.until(1)
      while ((await queue.depth()).dead === 0) await queue.depth()
      await consumer.stop()
      assert.deepEqual(await queue.depth(), { visible: 0, inFlight: 0, dead: 1 })
    })

    test('no more messages are held at once than asked for', async () => {
      let running = 0
      let most = 0
      const done = createArrivals<string>()
      await queue.send(Array.from({ length: 30 }, (_, i) => message(`${i}`)))
      const consumer = consume(
        async ({ body }) => {
          running += 1
          most = Math.max(most, running)
          await queue.depth()
          running -= 1
          done.add(body)
        },
        { concurrency: 3 },
      )
      await done.until(30)
      await consumer.stop()
      assert.ok(most <= 3, `${most} at once`)
    })

    test('while the dependency is away one message uses up one receive, however long it lasts', async () => {
      let up = false
      const probes = createArrivals<boolean>()
      const received = createArrivals<number>()
      const consumer = consume(
        async ({ receiveCount }) => {
          received.add(receiveCount)
          if (!up) throw new AppError('database-unavailable', 'away')
        },
        {
          concurrency: 1,
          probe: async () => {
            probes.add(up)
            if (!up) throw new AppError('database-unavailable', 'away')
          },
        },
      )
      await queue.send([message('a')])
      await probes.until(4)
      assert.deepEqual(received.items, [1])
      up = true
      assert.deepEqual(await received.until(2), [1, 2])
      await consumer.stop()
    })

    test('a final error does not ask the probe', async () => {
      const received = createArrivals<string>()
      const consumer = consume(
        async ({ body }) => {
          received.add(body)
          if (body === 'poison') throw new AppError('message-invalid', 'never')
        },
        { probe: () => assert.fail('asked') },
      )
      await queue.send([message('poison')])
      await received.until(1)
      await queue.send([message('sound')])
      await received.until((body) => body === 'sound')
      await consumer.stop()
    })

    test('a stop finishes what is held, and it does not come back', async () => {
      const arrivals = createArrivals<string>()
      const finish = Promise.withResolvers<void>()
      const consumer = consume(async ({ body }) => {
        arrivals.add(body)
        await finish.promise
      })
      await queue.send([message('a')])
      await arrivals.until(1)
      const stopped = consumer.stop()
      finish.resolve()
      await stopped
      assert.deepEqual(await queue.depth(), { visible: 0, inFlight: 0, dead: 0 })
    })

    test('released messages have their signal aborted and are there for the next consumer at once', async () => {
      const arrivals = createArrivals<number>()
      const consumer = consume(
        ({ signal, receiveCount }) =>
          new Promise((_, reject) => {
            arrivals.add(receiveCount)
            signal.addEventListener('abort', () => reject(new AppError('shutting-down', 'given back')))
          }),
      )
      await queue.send([message('a')])
      await arrivals.until(1)
      await consumer.release()
      assert.deepEqual(await queue.depth(), { visible: 1, inFlight: 0, dead: 0 })
      const next = consume(async ({ receiveCount }) => arrivals.add(receiveCount))
      assert.deepEqual(await arrivals.until(2), [1, 2])
      await next.stop()
    })

    test('a consumer that is stopped already takes nothing', async () => {
      await queue.send([message('a')])
      await queue.consume(() => assert.fail('taken'), { concurrency: 1, signal: AbortSignal.abort() })
      assert.deepEqual(await queue.depth(), { visible: 1, inFlight: 0, dead: 0 })
    })
  })
}
