import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { Redis } from 'ioredis'
import { type RedisServer, startRedisServer } from '../../src/embedded/redis-server.ts'
import { createProgressLog } from '../../src/queues/progress-log.ts'
import { createConnectRedis } from '../../src/queues/redis.ts'
import { eventsOf } from '../contracts/progress-log.ts'
import { createTestLog } from '../contracts/test-log.ts'

function openLog(url: string) {
  const log = createProgressLog({
    connect: createConnectRedis(url, createTestLog()),
    prefix: 'test',
    log: createTestLog(),
  })
  after(() => log.close())
  return log
}

async function start(options: Parameters<typeof startRedisServer>[0] = {}): Promise<RedisServer> {
  const server = await startRedisServer(options)
  after(() => server.stop())
  return server
}

test('a Redis that comes back with all it had goes on without a gap', async () => {
  const dataDir = await mkdtemp(join(tmpdir(), 'tonewire-losses-'))
  after(() => rm(dataDir, { recursive: true, force: true }))
  const first = await start({ dataDir })
  const at = eventsOf()
  const seed = at('uploading', 0)
  const before = openLog(first.url)
  await before.publish([{ event: seed, seed }])
  const position = await before.head('acme')
  await first.stop()
  const again = openLog((await start({ dataDir })).url)
  assert.deepEqual(await again.publish([{ event: at('stored', 25) }]), ['appended'])
  const { complete, entries } = await again.read('acme', position)
  assert.deepEqual([complete, entries.map(({ event }) => event.status)], [true, ['stored']])
})

test('a replica that lagged when it was promoted gives a gap to whoever had what it lacks, and to nobody else', async () => {
  const [master, replica] = [await start(), await start()]
  const admin = new Redis(replica.port, '127.0.0.1')
  after(() => admin.disconnect())
  await admin.replicaof('127.0.0.1', master.port)
  const before = openLog(master.url)
  const [told, lost] = [eventsOf(), eventsOf()]
  const first = told('uploading', 0)
  await before.publish([{ event: first, seed: first }])
  const kept = await before.head('acme')
  const key = 'test:log:{acme}:head'
  while (!(await admin.get(key).catch(() => null))?.includes(` ${kept.seq} `)) await new Promise(setImmediate)
  await admin.replicaof('NO', 'ONE')
  for (const status of ['uploading', 'stored', 'queued'] as const) {
    const event = lost(status, 40)
    await before.publish([{ event, seed: event }])
  }
  const ahead = await before.head('acme')
  await master.stop()
  const promoted = openLog(replica.url)
  for (const status of ['stored', 'queued', 'forwarded', 'completed'] as const) {
    const event = told(status, 100)
    await promoted.publish([{ event, seed: event }])
  }
  assert.equal((await promoted.read('acme', ahead)).complete, false)
  const { complete, entries } = await promoted.read('acme', kept)
  assert.deepEqual([complete, entries.length], [true, 4])
})
