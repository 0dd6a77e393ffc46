import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { after, test } from 'node:test'
import { Redis } from 'ioredis'
import { AppError } from '../../src/domain/errors.ts'
import type { LogEntry } from '../../src/ports.ts'
import { createProgressLog, type ProgressLogOptions } from '../../src/queues/progress-log.ts'
import { createConnectRedis } from '../../src/queues/redis.ts'
import { createArrivals } from '../contracts/arrivals.ts'
import { asRead, describeProgressLog, eventsOf, FIRST, listen, progressEvent } from '../contracts/progress-log.ts'
import { readLog } from '../contracts/progress-log-pages.ts'
import { assertWellFormed, publishAtRandom } from '../contracts/progress-log-property.ts'
import { createTestLog } from '../contracts/test-log.ts'
import { rememberRedis, startTestRedis } from '../support/redis.ts'
import { roundsOf, withSeed } from '../support/seeds.ts'

const redis = await startTestRedis()
const admin = new Redis(redis.url, { maxRetriesPerRequest: null })
admin.on('error', () => {})
after(() => admin.disconnect())

function openLog(options: Partial<ProgressLogOptions> = {}) {
  const connect = createConnectRedis(redis.url, createTestLog())
  return createProgressLog({ connect, prefix: `test-${randomUUID()}`, log: createTestLog(), ...options })
}

const isUnavailable = (error: unknown) => error instanceof AppError && error.code === 'progress-unavailable'

async function untilUp(log: ReturnType<typeof openLog>): Promise<void> {
  for (;;) {
    try {
      return await log.check()
    } catch (error) {
      assert.ok(isUnavailable(error), String(error))
      await new Promise(setImmediate)
    }
  }
}

describeProgressLog('the Redis progress log', async () => {
  const log = openLog({ maxEntries: 200 })
  const flush = async () => void (await admin.flushall())
  return { log, flush, remember: () => rememberRedis([admin]), close: () => log.close() }
})

test('thousands of random events of several writers, with flushes among them, never break a promise of the log', () =>
  withSeed(publishManyAtRandom))

async function publishManyAtRandom(seed: number): Promise<void> {
  const prefix = `test-${randomUUID()}`
  const writers = [openLog({ prefix }), openLog({ prefix }), openLog({ prefix })]
  const heard = createArrivals<LogEntry>()
  const leave = await writers[0]!.subscribe('acme', listen(heard))
  const flush = async () => void (await admin.flushall())
  await publishAtRandom(writers, flush, { seed, rounds: roundsOf(700), owner: 'acme' })
  const head = await writers[0]!.head('acme')
  await heard.until((entry) => entry.epoch === head.epoch && entry.seq === head.seq)
  assert.ok(heard.items.length > 300, `${heard.items.length} entries`)
  assertWellFormed(heard.items)
  const { entries } = await readLog(writers[0]!, 'acme', FIRST(head))
  assert.deepEqual(entries, heard.items.slice(-entries.length).map(asRead))
  leave()
  for (const writer of writers) await writer.close()
}

test('a log made while Redis is down rejects in time, and works by itself when Redis comes', async () => {
  await redis.stop()
  const log = openLog()
  const event = progressEvent({ status: 'stored', progress: 25 })
  const began = performance.now()
  await assert.rejects(log.publish([{ event, seed: event }]), isUnavailable)
  await assert.rejects(log.head('acme'), isUnavailable)
  await assert.rejects(log.read('acme', { epoch: 'e', seq: 0 }), isUnavailable)
  await assert.rejects(log.subscribe('acme', listen(createArrivals<LogEntry>())), isUnavailable)
  await assert.rejects(log.check(), isUnavailable)
  assert.ok(performance.now() - began < 3000)
  await redis.start()
  await untilUp(log)
  assert.deepEqual(await log.publish([{ event, seed: event }]), ['appended'])
  await log.close()
})

test('a Redis that hangs is given up in time, and answers count again when it goes on', async () => {
  const log = openLog()
  await log.check()
  const event = progressEvent({ status: 'stored', progress: 25 })
  process.kill(redis.pid, 'SIGSTOP')
  const began = performance.now()
  try {
    await assert.rejects(log.publish([{ event, seed: event }]), isUnavailable)
    assert.ok(performance.now() - began < 5000)
  } finally {
    process.kill(redis.pid, 'SIGCONT')
  }
  await untilUp(log)
  const [outcome] = await log.publish([{ event, seed: event }])
  assert.ok(outcome === 'appended' || outcome === 'known')
  await log.close()
})

test('a Redis that is out of memory, or takes no writes, is away until it does', async () => {
  const log = openLog()
  await log.check()
  await admin.config('SET', 'maxmemory', '1')
  await assert.rejects(log.check(), isUnavailable)
  await admin.config('SET', 'maxmemory', '0')
  await log.check()
  await admin.replicaof('127.0.0.1', '1')
  await assert.rejects(log.check(), isUnavailable)
  await admin.replicaof('NO', 'ONE')
  await log.check()
  await log.close()
})

test('listeners are told of an interruption once entries flow again', async () => {
  const log = openLog()
  const heard = createArrivals<LogEntry>()
  const interrupted = createArrivals<string>()
  const leave = await log.subscribe('acme', {
    onEntry: heard.add,
    onInterrupted: () => interrupted.add('again'),
  })
  await redis.kill()
  await redis.start()
  await interrupted.until(1)
  await untilUp(log)
  const event = progressEvent({ status: 'stored', progress: 25 })
  await log.publish([{ event, seed: event }])
  await heard.until(1)
  assert.equal(interrupted.items.length, 1)
  leave()
  await log.close()
})

test('a listener that throws keeps no other from hearing', async () => {
  const log = openLog()
  const heard = createArrivals<LogEntry>()
  const bad = await log.subscribe('acme', {
    onEntry: () => {
      throw new Error('bad listener')
    },
    onInterrupted: () => {},
  })
  const good = await log.subscribe('acme', listen(heard))
  const event = progressEvent({ status: 'stored', progress: 25 })
  await log.publish([{ event, seed: event }])
  await heard.until(1)
  bad()
  good()
  await log.close()
})

test('5,000 listeners of 500 owners take one connection, and leave nothing behind', async () => {
  const prefix = `test-${randomUUID()}`
  const log = openLog({ prefix })
  const subscribers = async () => (await admin.call('CLIENT', 'LIST', 'TYPE', 'pubsub')) as string
  const arrivals = createArrivals<LogEntry>()
  const leave = await Promise.all(
    Array.from({ length: 5000 }, (_, i) => log.subscribe(`owner-${i % 500}`, listen(arrivals))),
  )
  assert.equal((await admin.pubsub('CHANNELS', `${prefix}:*`)).length, 500)
  assert.equal((await subscribers()).trim().split('\n').length, 1)
  const event = progressEvent({ owner: 'owner-7', status: 'stored', progress: 25 })
  await log.publish([{ event, seed: event }])
  await arrivals.until(10)
  for (const end of leave) end()
  while ((await admin.pubsub('CHANNELS', `${prefix}:*`)).length > 0) await new Promise(setImmediate)
  await log.close()
})

test('all keys of an owner share its hash tag, expire, and the guards outlive the log', async () => {
  const prefix = `test-${randomUUID()}`
  const log = openLog({ prefix, logTtlS: 1000, guardTtlS: 2000 })
  const event = progressEvent({ owner: 'a@b|c', status: 'completed', progress: 100 })
  await log.publish([{ event, seed: event }])
  const keys = (await admin.keys(`${prefix}:*`)).sort()
  const base = `${prefix}:log:{a%40b%7Cc}`
  assert.deepEqual(keys, [`${base}:entries`, `${base}:head`, `${base}:job:${event.jobId}`])
  const [entries, head, guard] = await Promise.all(keys.map((key) => admin.ttl(key)))
  assert.ok(entries! > 990 && entries! <= 1000 && head! > 990 && head! <= 1000)
  assert.ok(guard! > 1990 && guard! <= 2000)
  await log.close()
})

test('a log that ends while its guards live starts a new epoch and still knows its jobs', async () => {
  const prefix = `test-${randomUUID()}`
  const log = openLog({ prefix })
  const at = eventsOf()
  const seed = at('stored', 25)
  await log.publish([{ event: seed, seed }])
  const before = await log.head('acme')
  await admin.del(`${prefix}:log:{acme}:head`)
  assert.deepEqual(await log.publish([{ event: seed }, { event: at('queued', 40) }]), ['known', 'appended'])
  const after = await log.head('acme')
  assert.notEqual(after.epoch, before.epoch)
  assert.equal(after.seq, 1)
  await log.close()
})
