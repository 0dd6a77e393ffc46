import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { describe, test } from 'node:test'
import type { LogEntry } from '../../src/ports.ts'
import { createProgressLog } from '../../src/queues/progress-log.ts'
import { createConnectRedis } from '../../src/queues/redis.ts'
import { createArrivals } from '../contracts/arrivals.ts'
import { describeProgressLog, eventsOf, listen } from '../contracts/progress-log.ts'
import { createTestLog } from '../contracts/test-log.ts'
import { openEvents } from '../support/events.ts'
import { uploadTone } from '../support/outages.ts'
import { rememberRedis } from '../support/redis.ts'
import { NO_CLUSTER, startRedisCluster } from '../support/redis-cluster.ts'
import { openTestPlaces, startTestSystem, TEST_KEY } from '../support/system.ts'

const cluster = NO_CLUSTER ? { url: 'redis://127.0.0.1:1', nodes: [] } : await startRedisCluster()

function openLog(prefix = `test-${randomUUID()}`) {
  return createProgressLog({
    connect: createConnectRedis(cluster.url, createTestLog()),
    prefix,
    log: createTestLog(),
    maxEntries: 200,
  })
}

const flush = async (): Promise<void> => {
  for (const { admin } of cluster.nodes) await admin.flushall()
}

describe('on a Redis Cluster of three nodes', { skip: NO_CLUSTER }, () => {
  describeProgressLog('the progress log', async () => {
    const log = openLog()
    const remember = () => rememberRedis(cluster.nodes.map(({ admin }) => admin))
    return { log, flush, remember, close: () => log.close() }
  })

  test('owners are spread over the nodes, and one connection hears of all of them', async () => {
    const prefix = `test-${randomUUID()}`
    const [writer, reader] = [openLog(prefix), openLog(prefix)]
    const heard = createArrivals<LogEntry>()
    const owners = Array.from({ length: 30 }, (_, n) => `owner-${n}`)
    for (const owner of owners) await reader.subscribe(owner, listen(heard))
    for (const owner of owners) {
      const event = eventsOf({ owner })('uploading', 0)
      await writer.publish([{ event, seed: event }])
    }
    await heard.until(owners.length)
    const sizes = await Promise.all(cluster.nodes.map(async ({ admin }) => (await admin.keys(`${prefix}:*`)).length))
    assert.ok(
      sizes.every((size) => size > 0),
      `keys of each node: ${sizes}`,
    )
    for (const log of [writer, reader]) await log.close()
  })

  test('the whole system runs on it', async () => {
    const { places, env } = await openTestPlaces()
    const roles = ['api', 'forward', 'analyse', 'record', 'reconcile'] as const
    const system = await startTestSystem(roles, { ...places, redisUrl: cluster.url }, env)
    const stream = await openEvents(`${system.url}/v1/events`, TEST_KEY)
    const { job_id: jobId, event_cursor: cursor } = await uploadTone(system)
    assert.notEqual(cursor, null)
    const end = await stream.waitFor(({ event, data }) => event === 'completed' && data.job_id === jobId)
    assert.equal(end.data.progress, 100)
    stream.close()
    await system.stop()
  })

  test('when the node that a process listens to dies, it listens to another, and says that it may have missed something', async () => {
    const prefix = `test-${randomUUID()}`
    const [writer, reader] = [openLog(prefix), openLog(prefix)]
    const heard = createArrivals<LogEntry>()
    const owners = Array.from({ length: 30 }, (_, n) => `owner-${n}`)
    const interrupted = Promise.withResolvers<void>()
    const listener = { ...listen(heard), onInterrupted: () => interrupted.resolve() }
    for (const owner of owners) await reader.subscribe(owner, listener)
    const listening = await Promise.all(cluster.nodes.map(({ admin }) => admin.pubsub('CHANNELS', `${prefix}:*`)))
    const dying = listening.findIndex((channels) => Array.isArray(channels) && channels.length > 0)
    const left = cluster.nodes.filter((_, index) => index !== dying)
    await cluster.nodes[dying]?.kill()
    await interrupted.promise
    const published = await Promise.allSettled(
      owners.map((owner) => {
        const event = eventsOf({ owner })('uploading', 0)
        return writer.publish([{ event, seed: event }])
      }),
    )
    const taken = published.filter(({ status }) => status === 'fulfilled').length
    assert.ok(left.length === 2 && taken > 0 && taken < owners.length, `${taken} of ${owners.length}`)
    await heard.until(taken)
    for (const log of [writer, reader]) await log.close()
  })
})
