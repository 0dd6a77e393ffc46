/** PostgreSQL, Redis and SQS, each in a process of its own, and jobs to be carried through them. */
import { type ChildProcess, spawn } from 'node:child_process'
import { loadConfig } from '../../src/config.ts'
import { createUuidV7 } from '../../src/domain/ids.ts'
import type { Job } from '../../src/domain/job.ts'
import { startRedisServer } from '../../src/embedded/redis-server.ts'
import type { Ports } from '../../src/ports.ts'
import { openResources } from '../../src/resources.ts'
import type { WorkerRole } from '../../src/roles.ts'
import { dispatchJob } from '../../src/services/dispatch-job.ts'
import { publishNewJob } from '../../src/services/publish-job.ts'
import { createLogger } from '../../src/telemetry/logger.ts'
import { startPostgresCluster } from '../setup/postgres-cluster.ts'
import { AWS_ENV, prepareStores } from '../stack/prepare.ts'
import { between, type Counts, sumOf } from './guarantees-counters.ts'
import { type RoleProcess, startRole } from './guarantees-process.ts'
import { type BenchProcess, startBenchProcess } from './upload-process.ts'
import { apiCommand, bootstrapKeys } from './upload-stack.ts'

export interface GuaranteesStack {
  /** This process's own, as the API has them. */
  readonly ports: Ports
  readonly redisUrl: string
  readonly awsUrl: string
  startRole(role: WorkerRole, env?: Readonly<Record<string, string>>): Promise<RoleProcess>
  startApi(env?: Readonly<Record<string, string>>): Promise<BenchProcess>
  /** A script with the stores in its environment, which ends by itself. */
  startScript(args: readonly string[]): ChildProcess
  stop(): Promise<void>
}

export const PIPELINE = ['forward', 'analyse', 'record'] as const satisfies readonly WorkerRole[]
/** Many owners, as in the field: what one owner may take is not what is measured. */
export const OWNERS = 16
export const ANALYSES_AT_ONCE = 40
/** Rarely: what looks at all rows takes its time from those it looks at. */
const POLL_MS = 50

/** Resolves to a sentence when the machine has no PostgreSQL. */
export async function startGuaranteesStack(): Promise<GuaranteesStack | string> {
  await using opened = new AsyncDisposableStack()
  const cluster = await startPostgresCluster()
  if (typeof cluster === 'string') return cluster
  opened.defer(cluster.stop)
  const redis = await startRedisServer()
  opened.defer(redis.stop)
  const aws = await startBenchProcess(['scripts/bench/upload-aws.ts'])
  opened.defer(aws.stop)
  await prepareStores(cluster.url, redis.url, aws.url)
  const log = createLogger('silent', {})
  const places = {
    database: { url: cluster.url, log },
    redisUrl: redis.url,
    awsEndpointUrl: aws.url,
    embeddedAws: true,
  }
  const resources = openResources(loadConfig({ AWS_REGION: 'us-east-1' }), places, log)
  opened.defer(resources.close)
  const stores = { ...AWS_ENV, DATABASE_URL: cluster.url, REDIS_URL: redis.url, AWS_ENDPOINT_URL: aws.url }
  const env = { ...stores, LOG_LEVEL: 'silent', ANALYSIS_THREADS: String(ANALYSES_AT_ONCE) }
  const own = opened.move()
  return {
    ports: resources.ports,
    redisUrl: redis.url,
    awsUrl: aws.url,
    startRole: async (role, more = {}) => {
      const started = await startRole(role, { ...env, ...more })
      own.defer(started.stop)
      return started
    },
    startApi: async (more = {}) => {
      const keys = { BOOTSTRAP_API_KEYS: bootstrapKeys(), PORT: '0' }
      const started = await startBenchProcess(apiCommand(), { ...stores, ...keys, ...more })
      own.defer(started.stop)
      return started
    },
    startScript: (args) => {
      const { PATH = '' } = process.env
      return spawn(process.execPath, args, { env: { PATH, ...env }, stdio: ['ignore', 'ignore', 'inherit'] })
    },
    stop: () => own.disposeAsync(),
  }
}

/** Makes jobs as accepted uploads leave them: stored, and known to the log. */
export async function makeStored(ports: Ports, count: number, owner?: string): Promise<Job[]> {
  const nameOf = (n: number): string => owner ?? `owner-${n % OWNERS}`
  const made = await Promise.all(Array.from({ length: count }, (_, n) => makeOne(ports, nameOf(n))))
  const [first] = made
  const stored = await ports.jobs.advance(made.map(({ jobId, attempt }) => ({ jobId, attempt, to: 'stored' })))
  if (first === undefined || stored.some(({ moved }) => !moved)) throw new Error('the jobs could not be made')
  return stored.flatMap(({ job }) => job ?? [])
}

async function makeOne(ports: Ports, owner: string): Promise<Job> {
  const jobId = createUuidV7(Date.now())
  const job = await ports.jobs.create({
    jobId,
    owner,
    tokenId: null,
    route: 'queue',
    filename: 'take.wav',
    contentType: 'audio/wav',
    objectKey: `audio/${owner}/2026/11/21/${jobId}.wav`,
    priority: 'normal',
    metadata: {},
    callbackUrl: null,
    notBefore: null,
    traceparent: null,
    uploadTimeoutS: 3600,
  })
  await publishNewJob(ports, job)
  return job
}

/** Hands jobs on all at once, or so many a second. */
export async function dispatchAll(ports: Ports, jobs: readonly Job[], perS = Number.POSITIVE_INFINITY): Promise<void> {
  const startedAt = performance.now()
  const dispatched: Promise<Job>[] = []
  for (const [n, job] of jobs.entries()) {
    const waitMs = startedAt + (1000 * n) / perS - performance.now()
    if (waitMs > 1) await new Promise((resolve) => setTimeout(resolve, waitMs))
    dispatched.push(dispatchJob(ports, job))
  }
  await Promise.all(dispatched)
}

/** Resolves when so few rows are unfinished; throws when that takes longer. */
export async function untilUnfinished(ports: Ports, wanted: number, withinMs = 120_000): Promise<void> {
  const count = async () => (await ports.jobs.countByStatus()).reduce((sum, row) => sum + row.count, 0)
  await untilLeft(count, wanted, withinMs)
}

/**
 * Resolves when so many are left; throws when that takes longer. It looks the less often the more there is to do: a look
 * is a statement over all rows that wait, on the cores that are being measured.
 */
export async function untilLeft(count: () => Promise<number>, wanted: number, withinMs = 120_000): Promise<void> {
  const startedAt = performance.now()
  let first: number | undefined
  for (;;) {
    const left = await count()
    if (left <= wanted) return
    const tookMs = performance.now() - startedAt
    if (tookMs > withinMs) throw new Error(`${left} jobs are still unfinished after ${withinMs} ms`)
    first ??= left
    const restMs = first === left ? POLL_MS : ((left - wanted) * tookMs) / (first - left)
    await new Promise((resolve) => setTimeout(resolve, Math.min(500, Math.max(10, restMs / 2))))
  }
}

/** Lets the roles consume while something is done, and counts what they asked of their servers for it. */
export async function withRoles(roles: readonly RoleProcess[], work: () => Promise<void>): Promise<Counts> {
  const before = await Promise.all(roles.map((role) => role.go()))
  await work()
  const after = await Promise.all(roles.map((role) => role.count()))
  await Promise.all(roles.map((role) => role.halt()))
  return sumOf(after.map((counts, n) => between(before[n]!, counts)))
}
