/** A role whose statements hang, behind a lock that nobody gives up, or whose object store does, ends within its budget. */
import assert from 'node:assert/strict'
import { after, describe, test } from 'node:test'
import { SendMessageCommand, SQSClient } from '@aws-sdk/client-sqs'
import pg from 'pg'
import { findQueueUrl } from '../../src/queues/sqs-client.ts'
import { newJob } from '../contracts/job-store-suite.ts'
import { startTestAws } from '../support/aws.ts'
import { startFaultyEndpoint } from '../support/http-faults.ts'
import { createTestDatabase, skipWithoutPostgres } from '../support/postgres.ts'
import { startProcess } from '../support/processes.ts'
import { startTestRedis } from '../support/redis.ts'
import { openJobStore, openMigrated, untilBlocked } from '../support/storage.ts'

const STOP_TIMEOUT_S = 1
/** What is stated in src/runtime.ts: then a process is cut off, with exit code 1. */
const RELEASE_S = 5
const stack = skipWithoutPostgres ? undefined : await startStack()

async function startStack() {
  const [aws, redis, { url }] = [await startTestAws(), await startTestRedis(), await createTestDatabase()]
  const env = {
    ...aws.env,
    S3_BUCKET: aws.bucket,
    SQS_QUEUE_URL: `${aws.endpoint}/000000000000/${aws.queueName('orders')}`,
    SQS_RESULT_QUEUE_URL: `${aws.endpoint}/000000000000/${aws.queueName('results')}`,
    DATABASE_URL: url,
    REDIS_URL: redis.url,
    STOP_TIMEOUT_S: String(STOP_TIMEOUT_S),
    RECONCILE_INTERVAL_S: '0.1',
  }
  const run = startProcess(['scripts/provision.ts'], env)
  assert.deepEqual(await run.ended, { code: 0, signal: null }, run.output())
  const db = await openMigrated({ url })
  after(() => db.destroy())
  return { aws, env, db }
}

/** An answer for a job that there is, so that the recorder has something to write. */
async function sendAnswer({ aws, db }: NonNullable<typeof stack>): Promise<void> {
  const { jobId, attempt } = await openJobStore(db).store.create(newJob())
  const sqs = new SQSClient(aws.client)
  const QueueUrl = await findQueueUrl(sqs, aws.queueName('results'))
  const MessageBody = JSON.stringify({ version: 1, type: 'completed', job_id: jobId, attempt, result: {} })
  await sqs.send(new SendMessageCommand({ QueueUrl, MessageBody }))
  sqs.destroy()
}

describe('stopping while a statement hangs', { skip: skipWithoutPostgres }, () => {
  for (const role of ['record', 'reconcile']) {
    test(`the role ${role} exits 0 within STOP_TIMEOUT_S and five seconds while the jobs are locked`, async () => {
      const { env, db } = stack!
      if (role === 'record') await sendAnswer(stack!)
      const client = new pg.Client(env.DATABASE_URL)
      await client.connect()
      try {
        await client.query('begin')
        await client.query('lock table jobs in access exclusive mode')
        const process = startProcess([`workers/${role}.ts`], env)
        await untilBlocked(db)
        const began = performance.now()
        assert.deepEqual(await process.kill('SIGTERM'), { code: 0, signal: null }, process.output())
        const tookS = (performance.now() - began) / 1000
        assert.ok(tookS < STOP_TIMEOUT_S + RELEASE_S, `${tookS} s`)
      } finally {
        await client.end()
      }
    })
  }
})

test('the role reconcile exits 0 within STOP_TIMEOUT_S and five seconds while S3 hangs', {
  skip: skipWithoutPostgres,
}, async () => {
  // A stack of its own: sweeps are due once an hour in a database, and the reconcilers above may have had theirs.
  const { env, aws } = await startStack()
  const endpoint = await startFaultyEndpoint(aws.endpoint)
  endpoint.setFault(({ url = '' }) => (url.startsWith(`/${aws.bucket}`) ? 'hang' : undefined))
  const process = startProcess(['workers/reconcile.ts'], { ...env, AWS_ENDPOINT_URL: endpoint.url })
  await endpoint.untilFaults(1)
  const began = performance.now()
  assert.deepEqual(await process.kill('SIGTERM'), { code: 0, signal: null }, process.output())
  const tookS = (performance.now() - began) / 1000
  assert.ok(tookS < STOP_TIMEOUT_S + RELEASE_S, `${tookS} s`)
})
