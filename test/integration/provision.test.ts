import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { after, test } from 'node:test'
import { promisify } from 'node:util'
import {
  GetBucketLifecycleConfigurationCommand,
  PutBucketLifecycleConfigurationCommand,
  S3Client,
} from '@aws-sdk/client-s3'
import {
  GetQueueAttributesCommand,
  ReceiveMessageCommand,
  SendMessageCommand,
  SetQueueAttributesCommand,
  SQSClient,
} from '@aws-sdk/client-sqs'
import { provision } from '../../infra/provision.ts'
import { TOPOLOGY } from '../../infra/topology.ts'
import { createTestLog } from '../contracts/test-log.ts'
import { startTestAws } from '../support/aws.ts'
import { startTcpProxy } from '../support/tcp-proxy.ts'

const aws = await startTestAws()
const s3 = new S3Client(aws.client)
const sqs = new SQSClient(aws.client)
after(() => {
  s3.destroy()
  sqs.destroy()
})

function target(test: string) {
  const log = createTestLog()
  const names = { analysisQueue: aws.queueName(`${test}-analysis`), resultQueue: aws.queueName(`${test}-results`) }
  return { s3, sqs, bucket: `${aws.bucket}-${test}`, names, log }
}

async function attributesOf(url: string): Promise<Record<string, string>> {
  const { Attributes = {} } = await sqs.send(new GetQueueAttributesCommand({ QueueUrl: url, AttributeNames: ['All'] }))
  return Attributes
}

test('the bucket and the queues are as the topology says', async () => {
  const options = target('made')
  const { analysisQueue, resultQueue } = await provision(options)
  for (const [queue, topology] of [
    [analysisQueue, TOPOLOGY.analysisQueue],
    [resultQueue, TOPOLOGY.resultQueue],
  ] as const) {
    const [attributes, dead] = await Promise.all([attributesOf(queue.url), attributesOf(queue.deadLetterUrl)])
    assert.equal(Number(attributes.VisibilityTimeout), topology.visibilityTimeoutS)
    assert.equal(Number(attributes.MessageRetentionPeriod), topology.retentionS)
    assert.equal(Number(dead.MessageRetentionPeriod), topology.deadLetterRetentionS)
    const policy = JSON.parse(attributes.RedrivePolicy ?? '')
    assert.equal(policy.deadLetterTargetArn, dead.QueueArn)
    assert.equal(Number(policy.maxReceiveCount), topology.maxReceiveCount)
  }
  const { Rules = [] } = await s3.send(new GetBucketLifecycleConfigurationCommand({ Bucket: options.bucket }))
  assert.deepEqual(
    Rules.map((rule) => rule.AbortIncompleteMultipartUpload?.DaysAfterInitiation),
    [TOPOLOGY.bucket.abortIncompleteUploadsAfterDays, undefined],
  )
  assert.deepEqual(
    Rules.map((rule) => rule.Expiration?.Days),
    [undefined, TOPOLOGY.bucket.staging.expireAfterDays],
  )
})

test('a repeat changes nothing and answers the same', async () => {
  const options = target('twice')
  const first = await provision(options)
  const log = createTestLog()
  assert.deepEqual(await provision({ ...options, log }), first)
  assert.deepEqual(log.lines, [])
})

test('two runs at once end alike', async () => {
  const options = target('race')
  const [first, second] = await Promise.all([provision(options), provision(options)])
  assert.deepEqual(first, second)
  const log = createTestLog()
  await provision({ ...options, log })
  assert.deepEqual(log.lines, [])
})

test('what was changed by hand is mended, and what is not ours is kept', async () => {
  const options = target('mend')
  const { analysisQueue } = await provision(options)
  const short = { MessageRetentionPeriod: '3600' }
  await sqs.send(new SetQueueAttributesCommand({ QueueUrl: analysisQueue.deadLetterUrl, Attributes: short }))
  const own = await attributesOf(analysisQueue.url)
  const RedrivePolicy = JSON.stringify({ ...JSON.parse(own.RedrivePolicy ?? ''), maxReceiveCount: 99 })
  const Attributes = { ...short, VisibilityTimeout: '7', RedrivePolicy, DelaySeconds: '3' }
  await sqs.send(new SetQueueAttributesCommand({ QueueUrl: analysisQueue.url, Attributes }))
  const foreign = { ID: 'theirs', Status: 'Enabled' as const, Filter: { Prefix: 'tmp/' }, Expiration: { Days: 3 } }
  await s3.send(
    new PutBucketLifecycleConfigurationCommand({
      Bucket: options.bucket,
      LifecycleConfiguration: { Rules: [foreign] },
    }),
  )
  await provision(options)
  const mended = await attributesOf(analysisQueue.url)
  assert.equal(mended.VisibilityTimeout, own.VisibilityTimeout)
  assert.equal(Number(mended.MessageRetentionPeriod), TOPOLOGY.analysisQueue.retentionS)
  const dead = await attributesOf(analysisQueue.deadLetterUrl)
  assert.equal(Number(dead.MessageRetentionPeriod), TOPOLOGY.analysisQueue.deadLetterRetentionS)
  assert.equal(Number(JSON.parse(mended.RedrivePolicy ?? '').maxReceiveCount), TOPOLOGY.analysisQueue.maxReceiveCount)
  assert.equal(mended.DelaySeconds, '3')
  const { Rules = [] } = await s3.send(new GetBucketLifecycleConfigurationCommand({ Bucket: options.bucket }))
  assert.deepEqual(Rules.map(({ ID }) => ID).sort(), [
    'theirs',
    'tonewire-abort-incomplete-uploads',
    'tonewire-expire-staging',
  ])
})

test('a message received too often ends in the dead-letter queue', async () => {
  const { resultQueue } = await provision(target('redrive'))
  await sqs.send(new SendMessageCommand({ QueueUrl: resultQueue.url, MessageBody: 'poison' }))
  for (let receive = 0; receive <= TOPOLOGY.resultQueue.maxReceiveCount; receive += 1) {
    await sqs.send(new ReceiveMessageCommand({ QueueUrl: resultQueue.url, VisibilityTimeout: 0 }))
  }
  const { Messages = [] } = await sqs.send(new ReceiveMessageCommand({ QueueUrl: resultQueue.deadLetterUrl }))
  assert.deepEqual(
    Messages.map(({ Body }) => Body),
    ['poison'],
  )
})

test('npm run provision waits for an endpoint that comes up, and prints the URLs of the queues', async () => {
  const proxy = await startTcpProxy(Number(new URL(aws.endpoint).port))
  const endpoint = `http://127.0.0.1:${proxy.port}`
  await proxy.stop()
  const { names, bucket } = target('script')
  const env = {
    ...process.env,
    ...aws.env,
    AWS_ENDPOINT_URL: endpoint,
    S3_BUCKET: bucket,
    SQS_QUEUE_URL: `${endpoint}/000000000000/${names.analysisQueue}`,
    SQS_RESULT_QUEUE_URL: `${endpoint}/000000000000/${names.resultQueue}`,
  }
  const running = promisify(execFile)(process.execPath, ['scripts/provision.ts'], { env, timeout: 30_000 })
  running.child.stderr?.once('data', () => void proxy.start())
  const { stdout } = await running
  assert.match(stdout, new RegExp(`^SQS_QUEUE_URL=.*/${names.analysisQueue}$`, 'm'))
  assert.match(stdout, new RegExp(`^SQS_RESULT_QUEUE_URL=.*/${names.resultQueue}$`, 'm'))
})
