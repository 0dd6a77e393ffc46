import assert from 'node:assert/strict'
import pg from 'pg'
import { findFreePort } from '../../src/embedded/free-port.ts'
import { startTestAws } from './aws.ts'
import { openEvents } from './events.ts'
import { createTestDatabase } from './postgres.ts'
import { startProcess, type TestProcess, waitForReady } from './processes.ts'
import { toneWav } from './recordings.ts'
import { startTestRedis, type TestRedis } from './redis.ts'
import { TEST_KEY, uploadRaw } from './system.ts'

export const WORKERS = ['forward', 'analyse', 'record', 'reconcile'] as const

export interface RoleProcesses {
  /** Of each API. */
  readonly urls: readonly string[]
  readonly databaseUrl: string
  readonly redis: TestRedis
  /** Of every process. */
  readonly env: Readonly<Record<string, string>>
  /** By role; the APIs are `api-0`, `api-1`. */
  readonly running: ReadonlyMap<string, TestProcess>
  /** Starts a role in the place of one that has ended. An API is ready then. */
  start(name: string): Promise<void>
}

const AT_ONCE = 20
/** Six processes that start together on two busy cores take their time. */
const START_MS = 120_000

export interface RoleOptions {
  readonly apis?: number
  readonly workers?: readonly string[]
  /** With an analysis server of the direct route, `analysis-server` in `running`, or with one of the test's own. */
  readonly direct?: boolean | { readonly url: string; readonly secret: string }
  /** More of the environment, and what is to differ. */
  readonly env?: Readonly<Record<string, string>>
}

/** A process for each role, on real stores of this test file alone; all end with the file's tests. */
export async function startRoleProcesses({
  apis = 1,
  workers = WORKERS,
  direct = false,
  env: more = {},
}: RoleOptions = {}): Promise<RoleProcesses> {
  const [aws, redis, database] = [await startTestAws(), await startTestRedis(), await createTestDatabase()]
  const ports = await Promise.all(Array.from({ length: apis }, () => findFreePort()))
  const urls = ports.map((port) => `http://127.0.0.1:${port}`)
  const serverPort = await findFreePort()
  const ours = { url: `http://127.0.0.1:${serverPort}/analyse`, secret: 'a secret of these processes' }
  const { url, secret } = typeof direct === 'object' ? direct : ours
  const directRoute = { ANALYSIS_SERVER_URL: url, WEBHOOK_URL: urls[0] ?? '', WEBHOOK_SECRET: secret }
  const env = {
    ...aws.env,
    S3_BUCKET: aws.bucket,
    DATABASE_URL: database.url,
    REDIS_URL: redis.url,
    BOOTSTRAP_API_KEYS: `acme=${TEST_KEY}`,
    LOG_LEVEL: 'warn',
    ...(direct && directRoute),
    ...more,
  }
  for (const script of ['scripts/migrate.ts', 'scripts/provision.ts']) {
    const run = startProcess([script], env)
    assert.deepEqual(await run.ended, { code: 0, signal: null }, run.output())
  }
  const running = new Map<string, TestProcess>()
  async function start(name: string): Promise<void> {
    const index = name.startsWith('api-') ? Number(name.slice(4)) : undefined
    const port = name === 'analysis-server' ? { PORT: String(serverPort) } : {}
    if (index === undefined) return void running.set(name, startProcess([`workers/${name}.ts`], { ...env, ...port }))
    const api = startProcess(['src/server.ts', 'api'], { ...env, PORT: String(ports[index]) })
    running.set(name, api)
    const early = api.ended.then(() => assert.fail(`${name} ended at its start:\n${api.output()}`))
    await Promise.race([waitForReady(`${urls[index]}/readyz`, START_MS), early])
  }
  await Promise.all(
    [...urls.map((_, i) => `api-${i}`), ...workers, ...(direct === true ? ['analysis-server'] : [])].map(start),
  )
  return { urls, databaseUrl: database.url, redis, env, running, start }
}

/** Uploads, follows from the upload's cursor to the end, and returns the statuses in the order they came. */
async function push(url: string, onEnd: () => void): Promise<string[]> {
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

/** Has so many recordings pass, 20 at a time; answers with the statuses that each one's stream told, in their order. */
export async function pushAll(
  { urls }: RoleProcesses,
  jobs: number,
  onEnd: (ended: number) => void = () => {},
): Promise<string[][]> {
  let ended = 0
  let started = 0
  const sequences: string[][] = []
  const lane = async (): Promise<void> => {
    while (started < jobs) {
      started += 1
      sequences.push(
        await push(urls[0] ?? '', () => {
          ended += 1
          onEnd(ended)
        }),
      )
    }
  }
  await Promise.all(Array.from({ length: AT_ONCE }, lane))
  return sequences
}

/** Throws unless there are exactly so many jobs, each completed with one result; then forgets them. */
export async function assertEachOnce(databaseUrl: string, jobs: number): Promise<void> {
  const client = new pg.Client(databaseUrl)
  await client.connect()
  const { rows } = await client.query('select status, count(*)::int as jobs from jobs group by status')
  const { rows: results } = await client.query(
    'select count(*)::int as n, count(distinct job_id)::int as jobs from job_results',
  )
  await client.query('delete from jobs')
  await client.end()
  assert.deepEqual(rows, [{ status: 'completed', jobs }])
  assert.deepEqual(results, [{ n: jobs, jobs }])
}

const ORDER = ['stored', 'queued', 'forwarded', 'analysing', 'completed']

/** Throws unless each list of statuses goes forward only, repeats none, and ends with `completed`. */
export function assertInOrder(sequences: readonly string[][]): void {
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
