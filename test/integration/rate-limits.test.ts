import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { EventEmitter, once } from 'node:events'
import { after, test } from 'node:test'
import { Redis } from 'ioredis'
import { createRateLimits, type RateLimitsOptions } from '../../src/queues/rate-limits.ts'
import { createConnectRedis } from '../../src/queues/redis.ts'
import { describeLimits, leaseOf, SLOW_RULES } from '../contracts/limits.ts'
import { createTestLog } from '../contracts/test-log.ts'
import { createFakeLimits } from '../fakes/fake-limits.ts'
import { createFakePorts } from '../support/fake-ports.ts'
import { startTestRedis } from '../support/redis.ts'

const redis = await startTestRedis()
const admin = new Redis(redis.url, { maxRetriesPerRequest: null })
admin.on('error', () => {})
after(() => admin.disconnect())

function openLimits(options: Partial<RateLimitsOptions> = {}) {
  const log = createTestLog()
  const { metrics } = createFakePorts()
  const connect = createConnectRedis(redis.url, createTestLog())
  const given = { connect, prefix: `test-${randomUUID()}`, rules: SLOW_RULES, log, metrics, ...options }
  const limits = createRateLimits(given)
  after(() => limits.close())
  return Object.assign(limits, { log, metrics })
}

describeLimits('limits in memory', () => createFakeLimits(SLOW_RULES))
describeLimits('limits in Redis', () => openLimits())

test('the adapters of two processes share one bucket and one number of places', async () => {
  const prefix = `test-${randomUUID()}`
  const both = [openLimits({ prefix }), openLimits({ prefix })]
  const taken = await Promise.all(Array.from({ length: 100 }, (_, i) => both[i % 2]!.take('acme', { requests: 1 })))
  assert.equal(taken.filter(({ allowed }) => allowed).length, 50)
  const entered = await Promise.all(
    Array.from({ length: 10 }, (_, i) => both[i % 2]!.enter('acme', { requests: 0, bytes: 0 })),
  )
  assert.equal(entered.filter((one) => 'lease' in one).length, 2)
})

test('a bucket refills by Redis’ clock, and its key is gone once it is full', async () => {
  const prefix = `test-${randomUUID()}`
  const rules = { ...SLOW_RULES, requests: { perS: 100, burstS: 0.1 } }
  const limits = openLimits({ prefix, rules })
  assert.equal((await limits.take('acme', { requests: 10 })).remaining, 0)
  const key = `${prefix}:limits:{acme}:requests`
  const leftMs = await admin.pttl(key)
  assert.ok(leftMs > 0 && leftMs <= 101, `${leftMs} ms`)
  while ((await admin.exists(key)) === 1);
  assert.equal((await limits.take('acme', { requests: 10 })).allowed, true)
})

test('all keys of an owner share one hash tag', async () => {
  const prefix = `test-${randomUUID()}`
  const limits = openLimits({ prefix })
  await limits.take('a{b', { requests: 1 })
  leaseOf(await limits.enter('a{b', { requests: 0, bytes: 10 }))
  const keys = (await admin.keys(`${prefix}*`)).map((key) => key.slice(prefix.length)).sort()
  assert.deepEqual(keys, [':limits:{a%7Bb}:bytes', ':limits:{a%7Bb}:requests', ':limits:{a%7Bb}:uploads'])
})

test('an upload whose size was known asks Redis once as it begins and once as it ends', async () => {
  const prefix = `test-${randomUUID()}`
  const limits = openLimits({ prefix })
  await limits.take('acme', { requests: 1 })
  const monitor = await admin.monitor()
  const asked: string[] = []
  const told = new EventEmitter()
  monitor.on('monitor', (_time, [command = '', ...args]: string[], source: string) => {
    if (source === 'lua' || !args.some((arg) => arg.startsWith(prefix))) return
    asked.push(command.toLowerCase())
    told.emit(command.toLowerCase())
  })
  const end = once(told, 'exists')
  await leaseOf(await limits.enter('acme', { requests: 1, bytes: 100 })).leave()
  // All that came before this is known when this is.
  await Promise.all([admin.exists(prefix), end])
  monitor.disconnect()
  assert.deepEqual(asked, ['evalsha', 'zrem', 'exists'])
})

test('the places of a process that died are free again in time, those of one that lives are kept', async () => {
  const prefix = `test-${randomUUID()}`
  const [dead, alive] = [openLimits({ prefix, leaseTtlMs: 300 }), openLimits({ prefix, leaseTtlMs: 300 })]
  leaseOf(await dead.enter('acme', { requests: 0, bytes: 0 }))
  const kept = leaseOf(await alive.enter('acme', { requests: 0, bytes: 0 }))
  await dead.close()
  let entered = await alive.enter('acme', { requests: 0, bytes: 0 })
  while (!('lease' in entered)) entered = await alive.enter('acme', { requests: 0, bytes: 0 })
  const renewed = Date.now() + 600
  while (Date.now() < renewed)
    assert.ok(!('lease' in (await alive.enter('acme', { requests: 0, bytes: 0 }))), 'a living place was given away')
  await kept.leave()
  leaseOf(await alive.enter('acme', { requests: 0, bytes: 0 }))
})

test('an outage refuses nobody, costs no time once known, is counted, logged once, and ends by itself', async () => {
  const limits = openLimits()
  await limits.take('acme', { requests: 50 })
  assert.equal((await limits.take('acme', { requests: 1 })).allowed, false)
  await redis.stop()
  const first = await limits.take('acme', { requests: 1 })
  assert.deepEqual([first.allowed, first.limit], [true, 0])
  const began = performance.now()
  for (let i = 0; i < 100; i += 1) assert.equal((await limits.take('acme', { requests: 1 })).allowed, true)
  const lease = leaseOf(await limits.enter('acme', { requests: 0, bytes: 1e9 }))
  assert.ok(performance.now() - began < 100, 'a known outage is not waited for')
  assert.equal(limits.metrics.counted('limits', { outcome: 'open' }), 102)
  await redis.start()
  while ((await limits.take('acme', { requests: 1 })).limit === 0) await new Promise(setImmediate)
  await limits.log.until('limits are enforced again')
  assert.equal(limits.log.lines.filter(({ level }) => level === 'warn').length, 1)
  await lease.leave(5)
})

test('a Redis that hangs is waited for once, and not for long', async () => {
  const limits = openLimits()
  await limits.take('acme', { requests: 1 })
  process.kill(redis.pid, 'SIGSTOP')
  const began = performance.now()
  try {
    for (let i = 0; i < 10; i += 1) assert.equal((await limits.take('acme', { requests: 1 })).allowed, true)
    assert.ok(performance.now() - began < 1000)
  } finally {
    process.kill(redis.pid, 'SIGCONT')
  }
  while ((await limits.take('acme', { requests: 1 })).limit === 0) await new Promise(setImmediate)
})

test('a place that is given back in an outage is free when it is over', async () => {
  const limits = openLimits()
  const enter = () => limits.enter('acme', { requests: 0, bytes: 0 })
  const leases = [leaseOf(await enter()), leaseOf(await enter())]
  assert.equal('lease' in (await enter()), false)
  process.kill(redis.pid, 'SIGSTOP')
  try {
    for (let late = 0; late < 3; late += 1) await limits.take('acme', { requests: 1 })
    for (const lease of leases) await lease.leave()
  } finally {
    process.kill(redis.pid, 'SIGCONT')
  }
  while ((await limits.take('acme', { requests: 1 })).limit === 0) await new Promise(setImmediate)
  for (let place = 0; place < 2; place += 1) leaseOf(await enter())
})
