import assert from 'node:assert/strict'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, watch, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { networkInterfaces, tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, test } from 'node:test'
import { CreateBucketCommand, GetObjectCommand, PutObjectCommand, S3Client } from '@aws-sdk/client-s3'
import { CreateQueueCommand, ReceiveMessageCommand, SendMessageCommand, SQSClient } from '@aws-sdk/client-sqs'
import { Redis } from 'ioredis'
import { startAwsEmulator } from '../../src/embedded/aws-emulator.ts'
import { startRedisServer } from '../../src/embedded/redis-server.ts'
import { startTestAws } from '../support/aws.ts'
import { startProcess } from '../support/processes.ts'
import { isRunning } from '../support/processes-by-id.ts'
import { startTestRedis } from '../support/redis.ts'

const folder = mkdtempSync(join(tmpdir(), 'embedded-'))
after(() => rmSync(folder, { recursive: true }))

async function withRedis<T>(url: string, use: (redis: Redis) => Promise<T>): Promise<T> {
  const redis = new Redis(url)
  try {
    return await use(redis)
  } finally {
    redis.disconnect()
  }
}

describe('the Redis of our own', () => {
  test('answers at once, never evicts and keeps nothing', async () => {
    await using server = await startRedisServer()
    const settings = await withRedis(server.url, (redis) =>
      redis.config('GET', 'maxmemory-policy', 'save', 'appendonly'),
    )
    const pairs = Array.isArray(settings) ? settings : Object.entries(settings as object).flat()
    assert.deepEqual(pairs.map(String).sort(), ['', 'appendonly', 'maxmemory-policy', 'no', 'noeviction', 'save'])
  })

  test('keeps its data in the given folder', async () => {
    const dataDir = join(folder, 'redis')
    const first = await startRedisServer({ dataDir })
    await withRedis(first.url, (redis) => redis.set('word', 'kept'))
    await first.stop()
    await using second = await startRedisServer({ dataDir })
    assert.equal(await withRedis(second.url, (redis) => redis.get('word')), 'kept')
  })

  test('ends when the process that started it is killed', async () => {
    const code = `
      import { startRedisServer } from './src/embedded/redis-server.ts'
      const { pid, port } = await startRedisServer()
      console.log(JSON.stringify({ pid, port }))
      setInterval(() => {}, 1000)`
    const parent = startProcess(['--input-type=module-typescript', '--eval', code])
    const { port } = await parent.waitForLog((entry) => 'port' in entry)
    const socket = connect(Number(port), '127.0.0.1')
    const closed = new Promise((resolve) => socket.once('close', resolve))
    await new Promise((resolve) => socket.once('connect', resolve))
    socket.resume()
    await parent.kill('SIGKILL')
    await closed
  })

  test('says what went wrong when it cannot start, and leaves nothing running', async () => {
    await using server = await startRedisServer()
    await assert.rejects(startRedisServer({ port: server.port }), /did not start(.|\n)*in use/)
  })

  test('a start that is given up ends the server', async () => {
    const bin = join(folder, 'bin')
    mkdirSync(bin)
    writeFileSync(join(bin, 'redis-server'), `#!/bin/sh\necho $$ > ${bin}/pid\nexec tail -f /dev/null\n`, {
      mode: 0o755,
    })
    const writtenPid = () => (existsSync(join(bin, 'pid')) ? Number(readFileSync(join(bin, 'pid'), 'utf8')) : 0)
    const path = process.env.PATH
    process.env.PATH = `${bin}:${path}`
    const givingUp = new AbortController()
    try {
      const starting = startRedisServer({ signal: givingUp.signal })
      // Never ready: the start can only end by being given up.
      watch(bin, () => writtenPid() > 0 && givingUp.abort(new Error('enough'))).unref()
      await assert.rejects(starting, /enough/)
    } finally {
      process.env.PATH = path
    }
    assert.equal(isRunning(writtenPid()), false)
  })

  test('a test redis comes back empty on the same port after an outage', async () => {
    const redis = await startTestRedis()
    await withRedis(redis.url, (client) => client.set('word', 'lost'))
    const { pid } = redis
    await redis.kill()
    await redis.start()
    assert.notEqual(redis.pid, pid)
    assert.equal(await withRedis(redis.url, (client) => client.get('word')), null)
  })
})

describe('the AWS of our own', () => {
  const clientOptions = { region: 'us-east-1', credentials: { accessKeyId: 'test', secretAccessKey: 'test' } }
  const clients = (endpoint: string) => ({
    s3: new S3Client({ ...clientOptions, endpoint, forcePathStyle: true }),
    sqs: new SQSClient({ ...clientOptions, endpoint, useQueueUrlAsEndpoint: false }),
  })

  test('keeps objects and messages in the given folder', async () => {
    const dataDir = join(folder, 'aws')
    const first = await startAwsEmulator({ dataDir })
    const before = clients(first.endpoint)
    await before.s3.send(new CreateBucketCommand({ Bucket: 'kept' }))
    await before.s3.send(new PutObjectCommand({ Bucket: 'kept', Key: 'audio/a%40b/x.wav', Body: 'sound' }))
    const { QueueUrl } = await before.sqs.send(new CreateQueueCommand({ QueueName: 'kept' }))
    await before.sqs.send(new SendMessageCommand({ QueueUrl, MessageBody: 'a message' }))
    await first.stop()
    assert.ok(existsSync(join(dataDir, 'objects')))
    await using second = await startAwsEmulator({ dataDir })
    const { s3, sqs } = clients(second.endpoint)
    const object = await s3.send(new GetObjectCommand({ Bucket: 'kept', Key: 'audio/a%40b/x.wav' }))
    assert.equal(await object.Body?.transformToString(), 'sound')
    const { Messages } = await sqs.send(new ReceiveMessageCommand({ QueueUrl }))
    assert.equal(Messages?.[0]?.Body, 'a message')
  })

  test('cannot be reached from other machines', async (t) => {
    const outside = Object.values(networkInterfaces())
      .flat()
      .find((each) => each?.family === 'IPv4' && !each.internal)
    if (outside === undefined) return t.skip('this machine has no address but loopback')
    await using server = await startAwsEmulator()
    await assert.rejects(fetch(`http://${outside.address}:${new URL(server.endpoint).port}/`))
    await fetch(server.endpoint)
  })

  test('each test file has names of its own', async () => {
    const [one, other] = [await startTestAws(), await startTestAws()]
    assert.notEqual(one.bucket, other.bucket)
    assert.notEqual(one.queueName('jobs'), other.queueName('jobs'))
    await new S3Client(one.client).send(new CreateBucketCommand({ Bucket: one.bucket }))
    await new SQSClient(one.client).send(new CreateQueueCommand({ QueueName: one.queueName('jobs') }))
  })
})
