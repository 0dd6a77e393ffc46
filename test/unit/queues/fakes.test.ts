import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { LogEntry } from '../../../src/ports.ts'
import { createArrivals } from '../../contracts/arrivals.ts'
import { describeJobQueue } from '../../contracts/job-queue.ts'
import { describeHolding } from '../../contracts/job-queue-holding.ts'
import { describeMessageQueue } from '../../contracts/message-queue.ts'
import { describeProgressLog, listen } from '../../contracts/progress-log.ts'
import { assertWellFormed, publishAtRandom } from '../../contracts/progress-log-property.ts'
import { createFakeJobQueue } from '../../fakes/fake-job-queue.ts'
import { createFakeMessageQueue } from '../../fakes/fake-message-queue.ts'
import { createFakeProgressLog } from '../../fakes/fake-progress-log.ts'

const openFakeJobQueue = async () => {
  const queue = createFakeJobQueue({ attempts: 3 })
  return { queue, close: () => queue.close() }
}
describeJobQueue('the fake job queue', openFakeJobQueue)
describeHolding('the fake job queue', openFakeJobQueue)

describeMessageQueue('the fake message queue', async () => ({
  queue: createFakeMessageQueue({ maxReceiveCount: 3 }),
  close: async () => {},
}))

describeProgressLog('the fake progress log', async () => {
  const log = createFakeProgressLog({ maxEntries: 200 })
  const remember = async () => {
    const restore = log.remember()
    return async () => restore()
  }
  return { log, flush: async () => log.flush(), remember, close: () => log.close() }
})

test('random events with flushes among them never break a promise of the fake log', async () => {
  const log = createFakeProgressLog()
  const heard = createArrivals<LogEntry>()
  await log.subscribe('acme', listen(heard))
  await publishAtRandom([log, log, log], async () => log.flush(), { seed: 7, rounds: 2000, owner: 'acme' })
  assert.ok(heard.items.length > 300)
  assertWellFormed(heard.items)
})
