import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { createCutoverNews } from '../../src/queues/cutover-news.ts'
import { createConnectRedis } from '../../src/queues/redis.ts'
import { createArrivals } from '../contracts/arrivals.ts'
import { describeCutoverNews } from '../contracts/cutover-news.ts'
import { createTestLog } from '../contracts/test-log.ts'
import { startTestRedis } from '../support/redis.ts'
import { NO_CLUSTER, startRedisCluster } from '../support/redis-cluster.ts'

const redis = await startTestRedis()

function openNews(url: string, prefix = 'test') {
  const log = createTestLog()
  const news = createCutoverNews({ connect: createConnectRedis(url, log), prefix, log })
  return { ...news, log }
}

describeCutoverNews('news of the cutover flag over Redis', async () => {
  const [here, there] = [openNews(redis.url), openNews(redis.url)]
  const close = async () => {
    for (const news of [here, there]) news.close()
  }
  return { here, there, stop: () => redis.stop(), start: () => redis.start(), close }
})

test('who begins to listen while Redis is away hears as soon as it is there', async () => {
  await redis.stop()
  const news = openNews(redis.url, 'late')
  after(() => news.close())
  const heard = createArrivals<number | undefined>()
  news.listen((version) => heard.add(version))
  await assert.rejects(news.tell(1), { code: 'progress-unavailable' })
  await redis.start()
  assert.deepEqual(await heard.until(1), [undefined])
})

test('a listener that throws keeps no other from hearing, and it is logged', async () => {
  const news = openNews(redis.url, 'faulty')
  after(() => news.close())
  news.listen(() => {
    throw new Error('planted')
  })
  const heard = createArrivals<number | undefined>()
  news.listen((version) => heard.add(version))
  await heard.until(1)
  assert.ok(news.log.lines.some(({ sentence }) => sentence === 'cutover listener failed'))
})

test('on a cluster every process hears, whichever node it listens to', { skip: NO_CLUSTER }, async () => {
  const { url } = await startRedisCluster()
  const processes = Array.from({ length: 6 }, () => openNews(url))
  for (const news of processes) after(() => news.close())
  const all = processes.map((news) => {
    const heard = createArrivals<number | undefined>()
    news.listen((version) => heard.add(version))
    return heard
  })
  for (const heard of all) await heard.until(1)
  for (const [index, news] of processes.entries()) await news.tell(index + 1)
  // What is told to different nodes comes in any order.
  for (const heard of all) assert.deepEqual((await heard.until(7)).toSorted(), [1, 2, 3, 4, 5, 6, undefined])
})
