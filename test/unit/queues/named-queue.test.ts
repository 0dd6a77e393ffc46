import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import { after, test } from 'node:test'
import { createNamedQueue } from '../../../src/queues/named-queue.ts'
import { createSqsCalls } from '../../../src/queues/sqs-calls.ts'
import { createSqsClient } from '../../../src/queues/sqs-client.ts'
import { createArrivals, start } from '../../contracts/arrivals.ts'
import { createTestLog } from '../../contracts/test-log.ts'

/** An endpoint that is asked for a queue by its name, and answers as it is told. */
async function openNamedQueue(answer: (nth: number, response: ServerResponse) => void) {
  const looks = createArrivals<number>()
  const server = createServer(async (request, response) => {
    await text(request)
    response.setHeader('content-type', 'application/x-amz-json-1.0')
    if (request.headers['x-amz-target'] !== 'AmazonSQS.GetQueueUrl') return response.end('{}')
    looks.add(looks.items.length + 1)
    answer(looks.items.length, response)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const credentials = { accessKeyId: 'test', secretAccessKey: 'test' }
  const client = createSqsClient({ region: 'us-east-1', endpoint, credentials })
  const calls = createSqsCalls(client)
  const log = createTestLog()
  after(async () => {
    await calls.close()
    client.destroy()
    server.closeAllConnections()
    server.close()
  })
  const queue = createNamedQueue({ name: 'orders', client, calls, url: undefined, visibilityTimeoutS: 30, log })
  const consumer = start((signal) => queue.consume(() => assert.fail('handled'), { concurrency: 1, signal }))
  return { consumer, looks, log, endpoint }
}

test('a queue that is missing at the start is told of once, however often it is looked for, and once when it is there', async () => {
  const { consumer, log } = await openNamedQueue((nth, response) => {
    const none = { __type: 'com.amazonaws.sqs#QueueDoesNotExist', message: 'none' }
    if (nth <= 3) response.writeHead(400).end(JSON.stringify(none))
    else response.end(JSON.stringify({ QueueUrl: 'http://127.0.0.1/0/orders' }))
  })
  await log.until('queue can be reached again')
  await consumer.stop()
  assert.deepEqual(
    log.lines.map(({ level, sentence }) => `${level}: ${sentence}`),
    ['warn: queue cannot be reached', 'info: queue can be reached again'],
  )
})

test('a look for a queue that hangs does not hold up a stop', { timeout: 5000 }, async () => {
  const { consumer, looks } = await openNamedQueue(() => {})
  await looks.until(1)
  await consumer.stop()
})
