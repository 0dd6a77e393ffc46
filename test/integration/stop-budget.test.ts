/** A stop is bounded, whatever hangs: each test has one thing hang for good. */
import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { after, test } from 'node:test'
import { CreateQueueCommand, SQSClient } from '@aws-sdk/client-sqs'
import { AppError } from '../../src/domain/errors.ts'
import { createJobQueue } from '../../src/queues/job-queue.ts'
import { createMessageQueue } from '../../src/queues/message-queue.ts'
import { createConnectRedis } from '../../src/queues/redis.ts'
import { createSqsCalls } from '../../src/queues/sqs-calls.ts'
import { createSqsClient } from '../../src/queues/sqs-client.ts'
import { start } from '../contracts/arrivals.ts'
import { message } from '../contracts/message-queue.ts'
import { createTestLog } from '../contracts/test-log.ts'
import { startTestAws } from '../support/aws.ts'
import { startFaultyEndpoint } from '../support/http-faults.ts'
import { startTestRedis } from '../support/redis.ts'

const aws = await startTestAws()
const redis = await startTestRedis()
const endpoint = await startFaultyEndpoint(aws.endpoint)
const admin = new SQSClient(aws.client)
after(() => admin.destroy())

const never = () => new Promise<never>(() => {})

async function openQueue() {
  const { QueueUrl = '' } = await admin.send(new CreateQueueCommand({ QueueName: aws.queueName(randomUUID()) }))
  const calls = createSqsCalls(createSqsClient({ ...aws.client, endpoint: endpoint.url }))
  after(() => calls.close())
  return createMessageQueue({ calls, queueUrl: QueueUrl, visibilityTimeoutS: 30, log: createTestLog() })
}

/** Seconds that the work took. */
async function secondsOf(work: Promise<unknown>): Promise<number> {
  const began = performance.now()
  await work
  return (performance.now() - began) / 1000
}

test('deletes that hang are given up three seconds after the release, and their messages come back', async () => {
  const queue = await openQueue()
  endpoint.setFault(({ headers }) => (headers['x-amz-target'] === 'AmazonSQS.DeleteMessageBatch' ? 'hang' : undefined))
  const consumer = start((signal, release) => queue.consume(async () => {}, { concurrency: 2, signal, release }))
  await queue.send([message('a'), message('b')])
  await endpoint.untilFaults(1)
  const tookS = await secondsOf(consumer.release())
  endpoint.setFault(() => undefined)
  assert.ok(tookS < 4, `${tookS} s`)
  assert.equal((await queue.depth()).inFlight, 2)
})

test('a probe that hangs does not hold up a stop, and what waits for it is given back', async () => {
  const queue = await openQueue()
  const probed = Promise.withResolvers<void>()
  const probe = () => {
    probed.resolve()
    return never()
  }
  const consumer = start((signal) =>
    queue.consume(
      async () => {
        throw new AppError('database-unavailable', 'The database cannot be reached')
      },
      { concurrency: 2, signal, probe },
    ),
  )
  await queue.send([message('a')])
  await probed.promise
  const tookS = await secondsOf(consumer.stop())
  assert.ok(tookS < 3, `${tookS} s`)
  assert.equal((await queue.depth()).inFlight + (await queue.depth()).visible, 1)
})

test('a worker that waits for an answer how much room there is stops all the same', async () => {
  const log = createTestLog()
  const connect = createConnectRedis(redis.url, log)
  const queue = createJobQueue({ connect, name: `jobs-${randomUUID()}`, prefix: '{test}', log, attempts: 3 })
  const asked = Promise.withResolvers<void>()
  const room = () => {
    asked.resolve()
    return never()
  }
  const consumer = start((signal) => queue.consume(() => assert.fail('handled'), { concurrency: 2, signal, room }))
  await asked.promise
  const tookS = await secondsOf(consumer.stop())
  assert.ok(tookS < 3, `${tookS} s`)
  await queue.close()
})
