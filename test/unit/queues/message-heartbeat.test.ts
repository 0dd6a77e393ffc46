import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createHeartbeat } from '../../../src/queues/message-heartbeat.ts'
import type { MessageReceipts, ReceiptOutcome } from '../../../src/queues/message-receipts.ts'
import { createArrivals } from '../../contracts/arrivals.ts'
import { createTestLog } from '../../contracts/test-log.ts'

/** Receipts whose answers the test gives. */
function openHeartbeat({ visibilityTimeoutS = 0.03, now }: { visibilityTimeoutS?: number; now?: () => number } = {}) {
  const asked = createArrivals<{ receipt: string; seconds: number; answer: PromiseWithResolvers<ReceiptOutcome> }>()
  const receipts: MessageReceipts = {
    delete: async () => {},
    hide: (receipt, seconds) => {
      const answer = Promise.withResolvers<ReceiptOutcome>()
      asked.add({ receipt, seconds, answer })
      return answer.promise
    },
  }
  const log = createTestLog()
  return { heartbeat: createHeartbeat(receipts, visibilityTimeoutS, log, now), asked, log }
}

const received = { MessageId: 'id', ReceiptHandle: 'receipt', Attributes: { ApproximateReceiveCount: '3' } }

test('a message settles only after an extension that is on its way', async () => {
  const { heartbeat, asked } = openHeartbeat()
  const held = heartbeat.start(received)
  assert.equal(held.receiveCount, 3)
  const [beat] = await asked.until(1)
  let stopped = false
  const stopping = heartbeat.stop(held).then(() => {
    stopped = true
  })
  await new Promise(setImmediate)
  assert.equal(stopped, false)
  beat?.answer.resolve('gone')
  await stopping
  heartbeat.close()
})

test('an extension that failed is tried again at the next beat', async () => {
  const { heartbeat, asked } = openHeartbeat()
  heartbeat.start(received)
  const [beat] = await asked.until(1)
  beat?.answer.reject(new Error('no answer'))
  await asked.until(2)
  heartbeat.close()
})

test('a message that is no longer ours is not extended again, and the others are', async () => {
  const { heartbeat, asked, log } = openHeartbeat()
  heartbeat.start(received)
  const [beat] = await asked.until(1)
  heartbeat.start({ ...received, ReceiptHandle: 'other' })
  beat?.answer.resolve('gone')
  await asked.until(({ receipt }) => receipt === 'other')
  asked.items.at(-1)?.answer.resolve('done')
  await asked.until(3)
  assert.equal(asked.items.filter(({ receipt }) => receipt === 'receipt').length, 1)
  assert.equal(log.lines.length, 1)
  heartbeat.close()
})

test('no message is held for longer than the twelve hours that SQS allows, its receive included', async () => {
  let nowMs = 0
  const { heartbeat, asked } = openHeartbeat({ visibilityTimeoutS: 1.5, now: () => nowMs })
  const held = heartbeat.start(received)
  const over = new Promise((resolve) => held.signal.addEventListener('abort', resolve, { once: true }))
  const lastMs = (12 * 3600 - 60) * 1000
  nowMs = lastMs - 1200
  const [beat] = await asked.until(1)
  assert.equal(beat?.seconds, 1)
  beat?.answer.resolve('done')
  nowMs = lastMs
  await over
  assert.equal(held.signal.reason.code, 'shutting-down')
  assert.equal(asked.items.length, 1)
  heartbeat.close()
})
