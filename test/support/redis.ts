import { after } from 'node:test'
import type { Redis } from 'ioredis'
import { type RedisServer, startRedisServer } from '../../src/embedded/redis-server.ts'

export interface TestRedis {
  /** The same through every outage. */
  readonly url: string
  readonly port: number
  readonly pid: number
  /** An outage: the server ends, its data is gone. */
  stop(): Promise<void>
  /** Like `kill -9`. */
  kill(): Promise<void>
  /** The end of an outage: an empty server on the same port. */
  start(): Promise<void>
}

/** A Redis for this test file alone, empty at first; ends with the file's tests. */
export async function startTestRedis(): Promise<TestRedis> {
  let server: RedisServer = await startRedisServer()
  const { url, port } = server
  const stop = () => server.stop()
  after(stop)
  return {
    url,
    port,
    get pid() {
      return server.pid
    },
    stop,
    async kill() {
      process.kill(server.pid, 'SIGKILL')
      await server.stop()
    },
    async start() {
      await server.stop()
      server = await startRedisServer({ port })
    },
  }
}

/** Remembers all that these servers hold, as replicas that lag; the function puts it back, as their promotion does. */
export async function rememberRedis(admins: readonly Redis[]): Promise<() => Promise<void>> {
  const held = await Promise.all(admins.map(dumpAll))
  return async () => {
    for (const [index, admin] of admins.entries()) {
      await admin.flushall()
      for (const { key, value } of held[index] ?? []) if (value !== null) await admin.restore(key, 0, value)
    }
  }
}

async function dumpAll(admin: Redis) {
  const keys = await admin.keys('*')
  return Promise.all(keys.map(async (key) => ({ key, value: await admin.dumpBuffer(key) })))
}
