import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { test } from 'node:test'
import { AppError } from '../../src/domain/errors.ts'
import type { LogEntry } from '../../src/ports.ts'
import { createProgressLog } from '../../src/queues/progress-log.ts'
import { createConnectRedis } from '../../src/queues/redis.ts'
import { createArrivals } from '../contracts/arrivals.ts'
import { progressEvent } from '../contracts/progress-log.ts'
import { createTestLog } from '../contracts/test-log.ts'
import { startTestRedis } from '../support/redis.ts'
import { startTcpProxy } from '../support/tcp-proxy.ts'

const redis = await startTestRedis()

function openLog(port: number, prefix: string) {
  const connect = createConnectRedis(`redis://127.0.0.1:${port}`, createTestLog())
  return createProgressLog({ connect, prefix, log: createTestLog() })
}

test('a subscriber whose connection died without a word hears again, and says that it may have missed something', async () => {
  const proxy = await startTcpProxy(redis.port)
  const prefix = `test-${randomUUID()}`
  const [writer, reader] = [openLog(redis.port, prefix), openLog(proxy.port, prefix)]
  const heard = createArrivals<LogEntry>()
  const interrupted = Promise.withResolvers<void>()
  await reader.subscribe('acme', { onEntry: heard.add, onInterrupted: () => interrupted.resolve() })
  const [missed, later] = [1, 2].map(() => progressEvent({ status: 'stored', progress: 25 }))
  proxy.silence()
  await writer.publish([{ event: missed!, seed: missed! }])
  await interrupted.promise
  await writer.publish([{ event: later!, seed: later! }])
  await heard.until(1)
  assert.deepEqual(
    heard.items.map(({ event }) => event.jobId),
    [later!.jobId],
  )
  for (const log of [writer, reader]) await log.close()
})

test('commands whose connection died without a word are answered again within seconds', async () => {
  const proxy = await startTcpProxy(redis.port)
  const log = openLog(proxy.port, `test-${randomUUID()}`)
  await log.check()
  proxy.silence()
  const began = performance.now()
  for (let isUp = false; !isUp; ) {
    isUp = await log.check().then(
      () => true,
      (error: unknown) => {
        assert.ok(error instanceof AppError && error.code === 'progress-unavailable', String(error))
        return false
      },
    )
    await new Promise(setImmediate)
  }
  assert.ok(performance.now() - began < 15_000)
  await log.close()
})
