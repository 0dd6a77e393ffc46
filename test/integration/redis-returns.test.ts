import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { startRedisServer } from '../../src/embedded/redis-server.ts'
import { createProgressLog } from '../../src/queues/progress-log.ts'
import { createConnectRedis, type RedisRole } from '../../src/queues/redis.ts'
import { followOwner } from '../../src/services/follow-owner.ts'
import { createArrivals } from '../contracts/arrivals.ts'
import { progressEvent } from '../contracts/progress-log.ts'
import { createTestLog } from '../contracts/test-log.ts'
import { createFakePorts } from '../support/fake-ports.ts'
import { startTcpProxy } from '../support/tcp-proxy.ts'

/** A log whose connections go where `portOf` says. */
function openLog(portOf: (role: RedisRole) => number) {
  const connect = (role: RedisRole) => createConnectRedis(`redis://127.0.0.1:${portOf(role)}`, createTestLog())(role)
  const log = createProgressLog({ connect, prefix: 'test', log: createTestLog() })
  after(() => log.close())
  return log
}

test('a stream stays open through a restart of Redis and is told what it missed, though commands come back last', async () => {
  const dataDir = await mkdtemp(join(tmpdir(), 'tonewire-returns-'))
  after(() => rm(dataDir, { recursive: true, force: true }))
  const redis = await startRedisServer({ dataDir })
  const [heard, asked] = [await startTcpProxy(redis.port), await startTcpProxy(redis.port)]
  const reader = openLog((role) => (role === 'subscriber' ? heard.port : asked.port))
  const log = createTestLog()
  const sent = createArrivals<string>()
  const ends: string[] = []
  const sink = { send: ({ data }: { data: string }) => sent.add(data), end: () => void ends.push('end') }
  const cursor = await reader.head('acme')
  const following = await followOwner({ ...createFakePorts(), progress: reader, log }, 'acme', undefined, cursor, sink)

  for (const proxy of [heard, asked]) await proxy.stop()
  await redis.stop()
  const again = await startRedisServer({ dataDir, port: redis.port })
  after(() => again.stop())
  const [missed, later] = [1, 2].map(() => progressEvent({ status: 'stored', progress: 25 }))
  const writer = openLog(() => again.port)
  await writer.publish([{ event: missed!, seed: missed! }])
  await heard.start()
  await log.until('follower could not catch up')
  assert.deepEqual([sent.items, ends], [[], []])

  await asked.start()
  await sent.until(1)
  await writer.publish([{ event: later!, seed: later! }])
  await sent.until(2)
  assert.deepEqual([sent.items, ends], [[missed!.data, later!.data], []])
  following.stop()
})
