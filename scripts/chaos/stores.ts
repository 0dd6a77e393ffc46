/** The stores of the drill, each in a process of its own, with what can befall them. */
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Redis } from 'ioredis'
import { type RedisServer, startRedisServer } from '../../src/embedded/redis-server.ts'
import { startPostgresCluster } from '../setup/postgres-cluster.ts'
import { prepareStores } from '../stack/prepare.ts'
import type { Doors } from './aws.ts'

export interface Stores {
  readonly databaseUrl: string
  readonly redisUrl: string
  readonly awsUrl: string
  /** Cuts every connection and starts again with what was committed. */
  restartPostgres(): Promise<void>
  stopRedis(): Promise<void>
  /** Starts it again, with its data or empty. */
  startRedis(keepData: boolean): Promise<void>
  /** Sends Redis a command. */
  redis(...command: [string, ...string[]]): Promise<void>
  setDoors(doors: Partial<Doors>): Promise<void>
  close(): Promise<void>
}

const AWS_ENTRY = fileURLToPath(new URL('aws.ts', import.meta.url))

/** Resolves to a sentence when the machine has no PostgreSQL. */
export async function startStores(): Promise<Stores | string> {
  await using cleanUp = new AsyncDisposableStack()
  const cluster = await startPostgresCluster({ keepsCommits: true })
  if (typeof cluster === 'string') return cluster
  cleanUp.defer(() => cluster.stop())
  const folder = mkdtempSync(join(tmpdir(), 'chaos-'))
  cleanUp.defer(() => rmSync(folder, { recursive: true, force: true }))
  const dataDir = join(folder, 'redis')
  let redis: RedisServer = await startRedisServer({ dataDir })
  const { port, url } = redis
  cleanUp.defer(() => redis.stop())
  const aws = fork(AWS_ENTRY, [], { detached: true, stdio: ['ignore', 'ignore', 'inherit', 'ipc'] })
  cleanUp.defer(() => endChild(aws))
  const [{ url: awsUrl }] = (await once(aws, 'message')) as [{ url: string }]
  await prepareStores(cluster.url, redis.url, awsUrl)
  const opened = cleanUp.move()
  return {
    databaseUrl: cluster.url,
    redisUrl: url,
    awsUrl,
    restartPostgres: () => cluster.restart(),
    stopRedis: () => redis.stop(),
    async startRedis(keepData) {
      if (!keepData) rmSync(dataDir, { recursive: true, force: true })
      redis = await startRedisServer({ dataDir, port })
    },
    redis: (...command) => sendToRedis(url, command),
    async setDoors(doors) {
      aws.send({ s3: 'open', sqs: 'open', ...doors } satisfies Doors)
      await once(aws, 'message')
    },
    close: () => opened.disposeAsync(),
  }
}

async function endChild(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const ended = once(child, 'exit')
  child.kill('SIGKILL')
  await ended
}

async function sendToRedis(url: string, [name, ...args]: [string, ...string[]]): Promise<void> {
  const redis = new Redis(url)
  try {
    await redis.call(name, args)
  } finally {
    redis.disconnect()
  }
}
