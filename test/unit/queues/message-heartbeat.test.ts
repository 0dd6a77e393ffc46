import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createHeartbeat } from '../../../src/queues/message-heartbeat.ts'
import type { MessageReceipts, ReceiptOutcome } from '../../../src/queues/message-receipts.ts'
import { createArrivals } from '../../contracts/arrivals.ts'
import { createTestLog } from '../../contracts/test-log.ts'

/** Receipts whose answers the test gives. */
function openHeartbeat() {
  const asked = createArrivals<{ receipt: string; answer: PromiseWithResolvers<ReceiptOutcome> }>()
  const receipts: MessageReceipts = {
    delete: async () => {},
    hide: (receipt) => {
      const answer = Promise.withResolvers<ReceiptOutcome>()
      asked.add({ receipt, answer })
      return answer.promise
    },
  }
  const log = createTestLog()
  return { heartbeat: createHeartbeat(receipts, 0.03, log), asked, log }
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
