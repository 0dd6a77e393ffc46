/** Everything an upload needs, each in a process of its own: PostgreSQL, Redis, S3, and the API alone, without workers. */
import { readFileSync } from 'node:fs'
import { startRedisServer } from '../../src/embedded/redis-server.ts'
import { startPostgresCluster } from '../setup/postgres-cluster.ts'
import { AWS_ENV, prepareStores } from '../stack/prepare.ts'
import { type BenchProcess, startBenchProcess } from './upload-process.ts'

export interface UploadStack {
  readonly databaseUrl: string
  /** S3 as a whole, by the emulator. */
  readonly s3: BenchProcess
  /** S3 that keeps nothing. */
  readonly sink: BenchProcess
  /** The API on these stores; it is ended with the stack if not before. */
  startApi(objects: BenchProcess, env?: Readonly<Record<string, string>>): Promise<BenchProcess>
  startBare(): Promise<BenchProcess>
  stop(): Promise<void>
}

/** Many owners, as in the field: what one owner may take is not what is measured. */
const OWNERS = 16

/** The key of one of the owners; an admin's with 0. */
export function benchKey(owner: number): string {
  return `bench-key-${owner % OWNERS}`
}

/** Resolves to a sentence when the machine has no PostgreSQL. */
export async function startUploadStack(): Promise<UploadStack | string> {
  const closers: (() => Promise<void>)[] = []
  const stop = async (): Promise<void> => {
    for (const close of closers.splice(0).reverse()) await close()
  }
  try {
    const cluster = await startPostgresCluster()
    if (typeof cluster === 'string') return cluster
    closers.push(cluster.stop)
    const redis = await startRedisServer()
    closers.push(redis.stop)
    const start = async (args: readonly string[], env?: Readonly<Record<string, string>>): Promise<BenchProcess> => {
      const started = await startBenchProcess(args, env)
      closers.push(started.stop)
      return started
    }
    const s3 = await start(['scripts/bench/upload-aws.ts'])
    const sink = await start(['scripts/bench/upload-sink.ts'])
    const stores = { ...AWS_ENV, DATABASE_URL: cluster.url, REDIS_URL: redis.url }
    await prepareStores(cluster.url, redis.url, s3.url)
    return {
      databaseUrl: cluster.url,
      s3,
      sink,
      startApi: (objects, env = {}) =>
        start(apiCommand(), {
          ...stores,
          AWS_ENDPOINT_URL: objects.url,
          PORT: '0',
          BOOTSTRAP_API_KEYS: bootstrapKeys(),
          ...env,
        }),
      startBare: () =>
        start(['scripts/bench/upload-bare.ts'], { ...AWS_ENV, AWS_ENDPOINT_URL: s3.url, S3_BUCKET: 'audio-bucket' }),
      stop,
    }
  } catch (error) {
    await stop()
    throw error
  }
}

/** As `npm run api` starts it, with its options of Node. */
export function apiCommand(): string[] {
  const { scripts } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'))
  return scripts.api.split(' ').slice(1)
}

export function bootstrapKeys(): string {
  return Array.from({ length: OWNERS }, (_, n) => `owner-${n}=${benchKey(n)}${n === 0 ? ':admin' : ''}`).join(',')
}
