import assert from 'node:assert/strict'
import { test } from 'node:test'
import pg from 'pg'
import { findFreePort } from '../../src/embedded/free-port.ts'
import { startTestAws } from '../support/aws.ts'
import { openEvents } from '../support/events.ts'
import { createTestDatabase, skipWithoutPostgres } from '../support/postgres.ts'
import { startProcess, type TestProcess, waitForReady } from '../support/processes.ts'
import { toneWav } from '../support/recordings.ts'
import { startTestRedis } from '../support/redis.ts'
import { TEST_KEY, uploadRaw } from '../support/system.ts'

const JOBS = 200
const AT_ONCE = 20
const WORKERS = ['forward', 'analyse', 'record'] as const
const skip = skipWithoutPostgres
const workers = new Map<string, TestProcess>()
const { url, env, databaseUrl } = skip ? { url: '', env: {}, databaseUrl: '' } : await startRoles()

async function startRoles() {
  const aws = await startTestAws()
  const redis = await startTestRedis()
  const database = await createTestDatabase()
  const port = await findFreePort()
  const settings = {
    ...aws.env,
    S3_BUCKET: aws.bucket,
    DATABASE_URL: database.url,
    REDIS_URL: redis.url,
    PORT: String(port),
    BOOTSTRAP_API_KEYS: `acme=${TEST_KEY}`,
    LOG_LEVEL: 'warn',
  }
  for (const script of ['scripts/migrate.ts', 'scripts/provision.ts']) {
    const run = startProcess([script], settings)
    assert.deepEqual(await run.ended, { code: 0, signal: null }, run.output())
  }
  startProcess(['src/server.ts', 'api'], settings)
  for (const role of [...WORKERS, 'reconcile']) workers.set(role, startProcess([`workers/${role}.ts`], settings))
  const base = `http://127.0.0.1:${port}`
  await waitForReady(`${base}/readyz`)
  return { url: base, env: settings, databaseUrl: database.url }
}

/** Uploads, follows from the upload's cursor to the end, and returns the statuses in the order they came. */
async function push(onEnd: () => void): Promise<string[]> {
  const response = await uploadRaw(url, toneWav({ seconds: 0.4 }))
  assert.equal(response.status, 202)
  const job = (await response.json()) as { job_id: string; event_cursor: string }
  const stream = await openEvents(`${url}/v1/jobs/${job.job_id}/events`, TEST_KEY, {
    'last-event-id': job.event_cursor,
  })
  await stream.ended
  onEnd()
  assert.equal(stream.events.filter(({ event }) => event === 'completed').length, 1)
  return stream.events.map(({ data }) => String(data.status)).filter((status, i, all) => status !== all[i - 1])
}

async function pushAll(onEnd: (ended: number) => void): Promise<string[][]> {
  let ended = 0
  let started = 0
  const sequences: string[][] = []
  const lane = async (): Promise<void> => {
    while (started < JOBS) {
      started += 1
      sequences.push(
        await push(() => {
          ended += 1
          onEnd(ended)
        }),
      )
    }
  }
  await Promise.all(Array.from({ length: AT_ONCE }, lane))
  return sequences
}

async function assertEachOnce(): Promise<void> {
  const client = new pg.Client(databaseUrl)
  await client.connect()
  const { rows } = await client.query('select status, count(*)::int as jobs from jobs group by status')
  const { rows: results } = await client.query(
    'select count(*)::int as n, count(distinct job_id)::int as jobs from job_results',
  )
  await client.query('delete from jobs')
  await client.end()
  assert.deepEqual(rows, [{ status: 'completed', jobs: JOBS }])
  assert.deepEqual(results, [{ n: JOBS, jobs: JOBS }])
}

const ORDER = ['stored', 'queued', 'forwarded', 'analysing', 'completed']

function assertInOrder(sequences: string[][]): void {
  assert.equal(sequences.length, JOBS)
  for (const statuses of sequences) {
    const ranks = statuses.map((status) => ORDER.indexOf(status))
    assert.deepEqual(
      ranks,
      [...new Set(ranks)].sort((a, b) => a - b),
      statuses.join(' '),
    )
    assert.equal(statuses.at(-1), 'completed')
  }
}

test('a process per role: 200 recordings complete, each stream in order and to its end', { skip }, async () => {
  assertInOrder(await pushAll(() => {}))
  await assertEachOnce()
})

test('kill -9 of forwarder, analyser and recorder amid 200 recordings loses and repeats nothing', {
  skip,
}, async () => {
  const kills = new Map([
    [30, 'forward'],
    [80, 'analyse'],
    [130, 'record'],
  ] as const)
  const restarts: Promise<void>[] = []
  const sequences = await pushAll((ended) => {
    const role = kills.get(ended as 30)
    if (role !== undefined) restarts.push(restart(role))
  })
  await Promise.all(restarts)
  assert.equal(restarts.length, 3)
  assertInOrder(sequences)
  await assertEachOnce()
})

async function restart(role: string): Promise<void> {
  assert.equal((await workers.get(role)?.kill('SIGKILL'))?.signal, 'SIGKILL')
  workers.set(role, startProcess([`workers/${role}.ts`], env))
}

test('each role stops by SIGTERM with exit code 0', { skip }, async () => {
  for (const [role, worker] of workers) assert.deepEqual(await worker.kill('SIGTERM'), { code: 0, signal: null }, role)
})

test('a single role refuses the embedded defaults with a sentence', async () => {
  const worker = startProcess(['workers/forward.ts'], { DATA_DIR: '/nonexistent' })
  assert.deepEqual(await worker.ended, { code: 1, signal: null })
  assert.match(worker.output(), /DATABASE_URL and REDIS_URL/)
})
