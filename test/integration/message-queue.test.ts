import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { after, test } from 'node:test'
import {
  type ChangeMessageVisibilityBatchCommandInput,
  CreateQueueCommand,
  GetQueueAttributesCommand,
  ReceiveMessageCommand,
  type SendMessageBatchCommandInput,
  SQSClient,
} from '@aws-sdk/client-sqs'
import { AppError } from '../../src/domain/errors.ts'
import { createMessageQueue, type MessageQueueOptions } from '../../src/queues/message-queue.ts'
import { createSqsCalls, type SqsCalls } from '../../src/queues/sqs-calls.ts'
import { createSqsClient, findQueueUrl } from '../../src/queues/sqs-client.ts'
import { createArrivals, start } from '../contracts/arrivals.ts'
import { describeMessageQueue, message } from '../contracts/message-queue.ts'
import { createTestLog } from '../contracts/test-log.ts'
import { startTestAws } from '../support/aws.ts'
import { startTcpProxy } from '../support/tcp-proxy.ts'

const aws = await startTestAws()
const admin = new SQSClient(aws.client)
after(() => admin.destroy())

async function makeQueue(attributes: Record<string, string> = {}) {
  const name = aws.queueName(randomUUID().slice(0, 8))
  const { QueueUrl: deadLetterUrl = '' } = await admin.send(new CreateQueueCommand({ QueueName: `${name}-dlq` }))
  const { Attributes } = await admin.send(
    new GetQueueAttributesCommand({ QueueUrl: deadLetterUrl, AttributeNames: ['QueueArn'] }),
  )
  const RedrivePolicy = JSON.stringify({ deadLetterTargetArn: Attributes?.QueueArn, maxReceiveCount: 3 })
  const { QueueUrl: queueUrl = '' } = await admin.send(
    new CreateQueueCommand({ QueueName: name, Attributes: { RedrivePolicy, ...attributes } }),
  )
  return { name, queueUrl, deadLetterUrl }
}

interface Call {
  readonly name: string
  readonly input: object
}

/** A queue of its own, with every call to SQS in `calls`. */
async function openQueue(options: Partial<MessageQueueOptions> = {}, endpoint = aws.endpoint) {
  const client = createSqsClient({ ...aws.client, endpoint })
  const sqs = createSqsCalls(client)
  const calls = createArrivals<Call>()
  const noted: SqsCalls = {
    call: async (name, input, bounds) => {
      const result = await sqs.call(name, input, bounds)
      calls.add({ name, input })
      return result
    },
    close: sqs.close,
  }
  const log = createTestLog()
  const place = await makeQueue()
  const queue = createMessageQueue({
    calls: noted,
    ...place,
    log,
    visibilityTimeoutS: 30,
    waitTimeS: 1,
    stopGraceMs: 5000,
    releaseGraceMs: 100,
    retry: { baseMs: 1, maxMs: 1 },
    outage: { baseMs: 10, maxMs: 50 },
    ...options,
  })
  const count = (name: string) => calls.items.filter((call) => call.name === name).length
  return { queue, calls, count, log, ...place, close: sqs.close }
}

describeMessageQueue('the SQS message queue', () => openQueue())

test('ten callers that send one message each make one request', async () => {
  const { queue, count, close } = await openQueue()
  await Promise.all(Array.from({ length: 10 }, (_, i) => queue.send([message(`${i}`)])))
  assert.equal(count('SendMessageBatch'), 1)
  await close()
})

test('a message carries its job type and its group', async () => {
  const { queue, calls, close } = await openQueue()
  await queue.send([message('a', 'acme@school.example')])
  const [{ input }] = (await calls.until(1)) as [Call]
  const [entry] = (input as SendMessageBatchCommandInput).Entries ?? []
  assert.deepEqual(entry?.MessageAttributes, { job_type: { DataType: 'String', StringValue: 'audio_analysis' } })
  assert.equal(entry?.MessageGroupId, 'acme@school.example')
  await close()
})

test('ten messages of 190 KB travel in batches that SQS takes', async () => {
  const { queue, count, close } = await openQueue()
  const bodies = Array.from({ length: 10 }, (_, i) => message(`${i}`.padEnd(190_000, '.')))
  assert.deepEqual(await queue.send(bodies), Array(10).fill(undefined))
  assert.equal(count('SendMessageBatch'), 3)
  assert.equal((await queue.depth()).visible, 10)
  await close()
})

test('one message that SQS refuses fails alone', async () => {
  const { queue, close } = await openQueue()
  const outcomes = await queue.send([message('a'), message('not a character: \u0000'), message('b')])
  assert.deepEqual(
    outcomes.map((outcome) => outcome?.code),
    [undefined, 'message-invalid', undefined],
  )
  const [tooLong, fits] = await queue.send([message('x'.repeat(1_100_000)), message('c')])
  assert.equal(tooLong?.code, 'message-invalid')
  assert.equal(fits, undefined)
  assert.equal((await queue.depth()).visible, 3)
  await close()
})

test('a queue that does not exist is no fault of the message', async () => {
  const { queue, close } = await openQueue({ queueUrl: `${aws.endpoint}/000000000000/missing` })
  const [outcome] = await queue.send([message('a')])
  assert.equal(outcome?.code, 'queue-unavailable')
  await close()
})

test('a handled message stays invisible past its timeout, by one heartbeat for all, and is deleted once', async () => {
  const { queue, calls, count, queueUrl, close } = await openQueue({ visibilityTimeoutS: 1 })
  const finish = Promise.withResolvers<void>()
  const received = createArrivals<number>()
  const consumer = start((signal) =>
    queue.consume(
      async ({ receiveCount }) => {
        received.add(receiveCount)
        await finish.promise
      },
      { concurrency: 10, signal },
    ),
  )
  await queue.send([message('a'), message('b')])
  const beats = () => calls.items.filter(({ name }) => name === 'ChangeMessageVisibilityBatch')
  await calls.until(() => beats().length >= 6)
  const { Messages = [] } = await admin.send(new ReceiveMessageCommand({ QueueUrl: queueUrl }))
  assert.deepEqual(Messages, [])
  assert.deepEqual(received.items, [1, 1])
  const input = beats()[0]?.input as ChangeMessageVisibilityBatchCommandInput
  assert.equal(input.Entries?.length, 2)
  finish.resolve()
  await consumer.stop()
  assert.equal(count('DeleteMessageBatch'), 1)
  assert.deepEqual(await queue.depth(), { visible: 0, inFlight: 0, dead: 0 })
  await close()
})

test('a consumer asks for no more messages than can start now', async () => {
  const { queue, calls, close } = await openQueue()
  const arrivals = createArrivals<string>()
  await queue.send(Array.from({ length: 20 }, (_, i) => message(`${i}`)))
  const consumer = start((signal) => queue.consume(async ({ body }) => arrivals.add(body), { concurrency: 4, signal }))
  await arrivals.until(20)
  await consumer.stop()
  const asked = calls.items
    .filter(({ name }) => name === 'ReceiveMessage')
    .map(({ input }) => (input as { MaxNumberOfMessages: number }).MaxNumberOfMessages)
  assert.ok(
    asked.every((number) => number <= 4),
    String(asked),
  )
  await close()
})

test('a message that arrives while the consumer stops is given back at once', async () => {
  const { queue, calls, close } = await openQueue()
  const consumer = start((signal) => queue.consume(() => assert.fail('handled'), { concurrency: 1, signal }))
  await new Promise(setImmediate)
  const stopped = consumer.stop()
  await queue.send([message('late')])
  await stopped
  assert.deepEqual(await queue.depth(), { visible: 1, inFlight: 0, dead: 0 })
  assert.ok(calls.items.length > 0)
  await close()
})

test('a handler that ignores its release does not hold up the stop', async () => {
  const { queue, close } = await openQueue()
  const arrivals = createArrivals<string>()
  const consumer = start((signal, release) =>
    queue.consume(
      ({ body }) => {
        arrivals.add(body)
        return new Promise(() => {})
      },
      { concurrency: 1, signal, release },
    ),
  )
  await queue.send([message('a')])
  await arrivals.until(1)
  await consumer.release()
  assert.deepEqual(await queue.depth(), { visible: 1, inFlight: 0, dead: 0 })
  await close()
})

test('an outage of SQS loses nothing, is logged once, and ends by itself', async () => {
  const proxy = await startTcpProxy(Number(new URL(aws.endpoint).port))
  const { queue, log, close } = await openQueue({}, `http://127.0.0.1:${proxy.port}`)
  const arrivals = createArrivals<string>()
  const consumer = start((signal) => queue.consume(async ({ body }) => arrivals.add(body), { concurrency: 5, signal }))
  await queue.send([message('before')])
  await arrivals.until(1)
  await proxy.stop()
  const outcomes = await Promise.all([queue.send([message('lost')]), queue.send([message('lost too')])])
  for (const [outcome] of outcomes) assert.equal(outcome?.code, 'queue-unavailable')
  await assert.rejects(queue.depth(), (error) => error instanceof AppError && error.code === 'queue-unavailable')
  await log.until('queue cannot be reached')
  await proxy.start()
  assert.deepEqual(await queue.send([message('after')]), [undefined])
  await arrivals.until((body) => body === 'after')
  await consumer.stop()
  assert.equal(log.lines.filter(({ sentence }) => sentence === 'queue cannot be reached').length, 1)
  await close()
})

test('a consumer stops promptly while SQS is down', async () => {
  const proxy = await startTcpProxy(Number(new URL(aws.endpoint).port))
  const { queue, close } = await openQueue(
    { outage: { baseMs: 60_000, maxMs: 60_000 } },
    `http://127.0.0.1:${proxy.port}`,
  )
  await proxy.stop()
  const consumer = start((signal) => queue.consume(() => assert.fail('handled'), { concurrency: 5, signal }))
  const began = performance.now()
  await consumer.stop()
  assert.ok(performance.now() - began < 3000)
  await close()
})

test('a queue is found by its name, and a missing one is told apart from an outage', async () => {
  const { name, queueUrl } = await makeQueue()
  assert.equal(await findQueueUrl(admin, name), queueUrl)
  assert.equal(await findQueueUrl(admin, `${name}-missing`), undefined)
})
