import assert from 'node:assert/strict'
import { once } from 'node:events'
import { type AddressInfo, createServer } from 'node:net'
import { after, describe, test } from 'node:test'
import { DeleteQueueCommand, SetQueueAttributesCommand, SQSClient } from '@aws-sdk/client-sqs'
import { Redis } from 'ioredis'
import { findFreePort } from '../../src/embedded/free-port.ts'
import { findQueueUrl } from '../../src/queues/sqs-client.ts'
import { startTestAws } from '../support/aws.ts'
import { createTestDatabase, skipWithoutPostgres } from '../support/postgres.ts'
import { startProcess } from '../support/processes.ts'
import { startTestRedis } from '../support/redis.ts'
import { startTestSystem } from '../support/system.ts'

const skip = skipWithoutPostgres
const ADMIN_KEY = 'key-of-operators'
const WEBHOOK_SECRET = 'secret of the direct route'
const ROLES = ['api', 'forward', 'analyse', 'record', 'reconcile'] as const
const [stack, bare] = skip ? [undefined, undefined] : [await startStack(), (await createTestDatabase()).url]

/** A whole deployment that is well. */
async function startStack() {
  const [aws, redis, database] = [await startTestAws(), await startTestRedis(), await createTestDatabase()]
  const env = {
    ...aws.env,
    S3_BUCKET: aws.bucket,
    SQS_QUEUE_URL: `${aws.endpoint}/000000000000/${aws.queueName('orders')}`,
    SQS_RESULT_QUEUE_URL: `${aws.endpoint}/000000000000/${aws.queueName('results')}`,
    DATABASE_URL: database.url,
    REDIS_URL: redis.url,
  }
  const places = {
    database: { url: database.url },
    redisUrl: redis.url,
    awsEndpointUrl: aws.endpoint,
    embeddedAws: true,
  }
  const system = await startTestSystem(ROLES, places, {
    ...env,
    WEBHOOK_SECRET,
    BOOTSTRAP_API_KEYS: `ops=${ADMIN_KEY}:admin`,
  })
  const admin = new Redis(redis.url).on('error', () => {})
  after(() => admin.disconnect())
  const sqs = new SQSClient(aws.client)
  after(() => sqs.destroy())
  return {
    env: { ...env, TONEWIRE_URL: system.url, TONEWIRE_KEY: ADMIN_KEY },
    admin,
    sqs,
    orders: aws.queueName('orders'),
  }
}

async function examine(more: Record<string, string> = {}, args: string[] = []) {
  const doctor = startProcess(['scripts/doctor.ts', ...args], { ...stack?.env, ...more })
  const { code } = await doctor.ended
  const lines = doctor.output().trimEnd().split('\n')
  const bad = lines.filter((line) => /^(fault|warning) /.test(line))
  return { code, lines, bad, output: doctor.output() }
}

/** One fault, with its mend, and no other. */
async function assertFault(more: Record<string, string>, fault: RegExp, mend: RegExp): Promise<string> {
  const { code, bad, output } = await examine(more)
  const [line, ...others] = bad.filter((one) => one.startsWith('fault'))
  assert.equal(code, 1, output)
  assert.match(line ?? '', fault)
  assert.match(line?.split('→')[1] ?? '', mend)
  assert.deepEqual(others, [])
  return output
}

describe('npm run doctor', { skip }, () => {
  const { admin, sqs, orders } = stack as NonNullable<typeof stack>

  test('a deployment that is well is all green, each part with what was seen', async () => {
    const { code, lines, bad, output } = await examine({}, ['--strict'])
    assert.deepEqual([code, bad], [0, []], output)
    for (const part of ['configuration', 'postgresql', 'jobs', 'redis', 'sqs', 's3', 'ffmpeg', 'disk', 'api']) {
      assert.ok(
        lines.some((line) => line.startsWith(`ok      ${part} `)),
        `${part}:\n${output}`,
      )
    }
    assert.match(output, /^ok +api +no open dead letter$/m)
    assert.equal(lines.at(-1), 'All is well.')
  })

  test('every wrong variable is named, and the rest is looked at all the same', async () => {
    const { code, bad, output } = await examine({ PORT: 'eighty', MAX_DURATION_S: '0' })
    assert.equal(code, 1)
    assert.deepEqual(
      bad.map((line) => line.split(/\s+/)[2]),
      ['PORT:', 'MAX_DURATION_S:'],
    )
    assert.match(output, /^ok +redis/m)
  })

  test('a direct route whose server is away, or whose answers would be refused, is a fault; another one is green', async () => {
    const { TONEWIRE_URL: url = '' } = stack?.env ?? {}
    const route = { ANALYSIS_SERVER_URL: `${url}/livez`, WEBHOOK_URL: url, WEBHOOK_SECRET }
    const { bad, output } = await examine(route)
    assert.deepEqual(bad, [], output)
    assert.match(output, /^ok +direct route +answers are let in at WEBHOOK_URL$/m)
    const nowhere = `http://127.0.0.1:${await findFreePort()}`
    const away = { ...route, ANALYSIS_SERVER_URL: nowhere }
    await assertFault(away, /direct route .*cannot be reached.*ECONNREFUSED/, /analysis-server/)
    const other = { ...route, WEBHOOK_SECRET: 'another secret of theirs' }
    const told = await assertFault(other, /direct route .*answers are refused/, /one WEBHOOK_SECRET/)
    assert.ok(!told.includes('another secret'), told)
    await assertFault({ ...route, WEBHOOK_URL: nowhere }, /WEBHOOK_URL cannot be reached/, /mend WEBHOOK_URL/)
  })

  test('a wrong login of PostgreSQL is told from an outage, and the password is not printed', async () => {
    const url = new URL(stack?.env.DATABASE_URL ?? '')
    Object.assign(url, { username: 'nobody-here', password: 'pa55word-of-ours' })
    const output = await examine({ DATABASE_URL: url.href }).then(({ code, bad, output }) => {
      assert.equal(code, 1)
      assert.match(bad.find((line) => /postgresql/.test(line)) ?? '', /nobody-here.*→ mend user and password/)
      return output
    })
    assert.ok(!output.includes('pa55word-of-ours'), output)
  })

  test('a database without our schema, and one that is not there, have different mends', async () => {
    const unmigrated = await examine({ DATABASE_URL: bare ?? '' })
    assert.match(unmigrated.output, /^fault +postgresql +the schema lacks 0001-jobs.*→ npm run migrate$/m)
    const url = new URL(bare ?? '')
    url.port = String(await findFreePort())
    const away = await examine({ DATABASE_URL: url.href })
    assert.match(away.output, /^fault +postgresql .*ECONNREFUSED.*→ start PostgreSQL/m)
    assert.equal(away.code, 1)
  })

  test('an evicting Redis, a full one and a paused queue are faults', async () => {
    await admin.config('SET', 'maxmemory-policy', 'allkeys-lru')
    await assertFault({}, /maxmemory-policy is allkeys-lru/, /noeviction/)
    await admin.config('SET', 'maxmemory-policy', 'noeviction')
    await admin.config('SET', 'maxmemory', '1')
    await assertFault({}, /takes no more jobs/, /raise maxmemory/)
    await admin.config('SET', 'maxmemory', '0')
    await admin.hset('{tonewire}:audio-analysis:meta', 'paused', '1')
    await assertFault({}, /is paused/, /HDEL/)
    await admin.hdel('{tonewire}:audio-analysis:meta', 'paused')
  })

  test('a Redis that wants a password, and one that is away, have different mends', async () => {
    await admin.config('SET', 'requirepass', 'redis-secret-1')
    const url = (stack?.env.REDIS_URL ?? '').replace('//', '//:wrong-secret-2@')
    const output = await assertFault({ REDIS_URL: url }, /WRONGPASS/, /mend user and password in REDIS_URL/)
    assert.doesNotMatch(output, /wrong-secret-2/)
    await admin.config('SET', 'requirepass', '')
    const away = { REDIS_URL: `redis://127.0.0.1:${await findFreePort()}` }
    await assertFault(away, /ECONNREFUSED/, /start Redis/)
  })

  test('a missing bucket is a fault that names it', async () => {
    await assertFault({ S3_BUCKET: 'not-made-yet' }, /there is no bucket not-made-yet/, /npm run provision/)
  })

  test('pages whose origins the bucket does not allow are a fault', async () => {
    const origins = { CORS_ORIGINS: 'https://app.example' }
    await assertFault(origins, /pages of https:\/\/app\.example cannot send/, /npm run provision.* preflights/)
  })

  test('ffmpeg that is not on PATH is a fault that says what still works', async () => {
    await assertFault({ PATH: '/nonexistent' }, /only WAV is analysed/, /install ffmpeg/)
  })

  test('an endpoint that takes connections and never answers does not hold it up', { timeout: 60_000 }, async () => {
    const silent = createServer(() => {}).listen(0, '127.0.0.1')
    await once(silent, 'listening')
    const { port } = silent.address() as AddressInfo
    const away = `127.0.0.1:${port}`
    const hanging = {
      DATABASE_URL: `postgres://postgres@${away}/x`,
      REDIS_URL: `redis://${away}`,
      AWS_ENDPOINT_URL: `http://${away}`,
      TONEWIRE_URL: `http://${away}`,
    }
    const { code, bad } = await examine(hanging)
    assert.equal(code, 1)
    const parts = new Set(bad.map((line) => line.split(/\s+/)[1]))
    assert.deepEqual(parts, new Set(['postgresql', 'jobs', 'redis', 'sqs', 's3', 'api']))
    silent.close()
  })

  test('a queue that differs from the topology, has no redrive policy or is missing is a fault', async () => {
    const url = (await findQueueUrl(sqs, orders)) ?? ''
    const set = (Attributes: Record<string, string>) =>
      sqs.send(new SetQueueAttributesCommand({ QueueUrl: url, Attributes }))
    await set({ VisibilityTimeout: '7' })
    await assertFault({}, new RegExp(`${orders} differs .* VisibilityTimeout`), /npm run provision/)
    await set({ VisibilityTimeout: '30', RedrivePolicy: '' })
    await assertFault({}, new RegExp(`${orders} has no redrive policy`), /npm run provision/)
    await sqs.send(new DeleteQueueCommand({ QueueUrl: url }))
    const { bad, code } = await examine({ TONEWIRE_URL: '' })
    assert.equal(code, 1)
    assert.match(bad.join('\n'), new RegExp(`there is no queue ${orders} +→ npm run provision`))
  })
})
