import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { pino } from 'pino'
import { loadConfig } from '../../src/config.ts'
import { dispatchJob } from '../../src/services/dispatch-job.ts'
import { startSystem } from '../../src/system.ts'
import { startTestAws } from '../support/aws.ts'
import { openEvents } from '../support/events.ts'
import { addJob } from '../support/fake-ports.ts'
import { startTestRedis } from '../support/redis.ts'
import { getJson, TEST_KEY } from '../support/system.ts'

test('without a word of configuration the whole system is its own analysis server, and stops with it', async () => {
  const [aws, redis] = [await startTestAws(), await startTestRedis()]
  const dataDir = await mkdtemp(join(tmpdir(), 'tonewire-test-'))
  const places = { REDIS_URL: redis.url, AWS_ENDPOINT_URL: aws.endpoint, S3_BUCKET: aws.bucket, DATA_DIR: dataDir }
  const config = loadConfig({ ...places, PORT: '0', BOOTSTRAP_API_KEYS: `acme=${TEST_KEY}` })
  Object.assign(process.env, { ...aws.env })
  const stopping = new AbortController()
  const runtime = { signal: stopping.signal, release: new AbortController().signal }
  const system = await startSystem(config, pino({ level: process.env.TEST_LOG_LEVEL ?? 'silent' }), runtime)
  // A fake's rows are made the same way: through every status up to this one.
  const job = await addJob(system.ports as never, 'stored', { route: 'direct' })
  const stream = await openEvents(`${system.url}/v1/jobs/${job.jobId}/events`, TEST_KEY)
  await dispatchJob(system.ports, job)
  await stream.ended
  const { body } = await getJson(`${system.url}/v1/jobs/${job.jobId}`)
  assert.deepEqual([body.status, body.route], ['completed', 'direct'])
  stopping.abort()
  await system.running
  await system.close()
  await rm(dataDir, { recursive: true, force: true })
})
