import assert from 'node:assert/strict'
import { afterEach, test } from 'node:test'
import type { CutoverFlag } from '../../../src/domain/cutover.ts'
import { createFlagCache, type FlagCache } from '../../../src/flags/flag-cache.ts'
import { createArrivals } from '../../contracts/arrivals.ts'
import { flagChange } from '../../contracts/cutover-store.ts'
import { createTestLog } from '../../contracts/test-log.ts'
import { createFakeCutoverNews } from '../../fakes/fake-cutover-news.ts'
import { createFakeCutoverStore } from '../../fakes/fake-cutover-store.ts'
import { storedFlag } from '../../support/flags.ts'

const open: FlagCache[] = []
afterEach(() => {
  for (const cache of open.splice(0)) cache.close()
})

/** Polls so seldom, unless it is said otherwise, that nothing is found by it. */
function openCache({ pollMs = 3_600_000, firstPollMs = 3_600_000, isDown = false } = {}) {
  const [store, news, log] = [createFakeCutoverStore(), createFakeCutoverNews(), createTestLog()]
  store.setDown(isDown)
  const reads = createArrivals<'read'>()
  const counting = {
    current: async () => {
      try {
        return await store.current()
      } finally {
        reads.add('read')
      }
    },
  }
  const cache = createFlagCache({ store: counting, news, log, pollMs, firstPollMs })
  open.push(cache)
  return { store, news, log, reads, cache }
}

async function untilKnown(cache: FlagCache, version: number): Promise<CutoverFlag> {
  for (;;) {
    const known = cache.known()
    if ((known?.version ?? 0) >= version && known !== undefined) return known
    await new Promise(setImmediate)
  }
}

test('at the start the flag is read, and none is known when none is set', async () => {
  const { cache, store } = openCache()
  await cache.loaded(10_000)
  assert.equal(cache.known(), undefined)
  await store.change(flagChange({ percent: 7 }), 0)
  const next = createFlagCache({ store, news: createFakeCutoverNews(), log: createTestLog() })
  open.push(next)
  await next.loaded(10_000)
  assert.equal(next.known()?.percent, 7)
})

test('word of a change is followed at once', async () => {
  const { cache, store, news } = openCache()
  await cache.loaded(10_000)
  await store.change(flagChange({ percent: 80 }), 0)
  await news.tell(1)
  assert.equal((await untilKnown(cache, 1)).percent, 80)
})

test('without a word a change is found by polling', async () => {
  const { cache, store, news } = openCache({ pollMs: 1 })
  news.setDown(true)
  await cache.loaded(10_000)
  await store.change(flagChange({ percent: 80 }), 0)
  assert.equal((await untilKnown(cache, 1)).percent, 80)
})

test('a word that was missed is made up for when the news are back', async () => {
  const { cache, store, news } = openCache()
  await cache.loaded(10_000)
  news.setDown(true)
  await store.change(flagChange({ percent: 80 }), 0)
  news.setDown(false)
  assert.equal((await untilKnown(cache, 1)).percent, 80)
})

test('with both stores away what was known stays, said once, and so is the end of it', async () => {
  const { cache, store, news, log, reads } = openCache({ pollMs: 1 })
  await store.change(flagChange({ percent: 10 }), 0)
  await untilKnown(cache, 1)
  store.setDown(true)
  news.setDown(true)
  await reads.until(reads.items.length + 10)
  assert.equal(cache.known()?.percent, 10)
  await store.change(flagChange(), 1).catch(() => {})
  store.setDown(false)
  await log.until('cutover flag read again')
  const said = log.lines.map(({ level, sentence }) => `${level}: ${sentence}`)
  assert.deepEqual(said, ['warn: cutover flag not read', 'info: cutover flag read again'])
})

test('a start with the database away waits only so long, and tries again soon until it has read once', async () => {
  const { cache, store, reads } = openCache({ firstPollMs: 1, isDown: true })
  await cache.loaded(1)
  assert.equal(cache.known(), undefined)
  await reads.until(reads.items.length + 3)
  store.setDown(false)
  await cache.loaded(10_000)
  await store.change(flagChange(), 0)
})

test('an older change never counts, whatever is read or learned late', async () => {
  const { cache, store, news, reads } = openCache()
  await cache.loaded(10_000)
  const at = (ms: number) => ({ changedAt: new Date(ms) })
  const future = Date.now() + 3_600_000
  cache.learn(storedFlag({ version: 5, percent: 55, ...at(future) }))
  cache.learn(storedFlag({ version: 4, percent: 44, ...at(future) }))
  cache.learn(storedFlag({ version: 9, percent: 99, ...at(future - 1) }))
  await store.change(flagChange({ percent: 1 }), 0)
  await news.tell(6)
  await reads.until(2)
  assert.deepEqual([cache.known()?.version, cache.known()?.percent], [5, 55])
  cache.learn(storedFlag({ version: 6, percent: 66, ...at(future) }))
  assert.equal(cache.known()?.percent, 66)
})

test('after a restored backup an operator’s change counts, though its version is lower, by word and by polling', async () => {
  for (const pollMs of [1, 3_600_000]) {
    const { cache, store, news } = openCache({ pollMs })
    await cache.loaded(10_000)
    cache.learn(storedFlag({ version: 7, percent: 80 }))
    await store.change(flagChange({ percent: 0 }), 0)
    if (pollMs > 1) await news.tell(1)
    while (cache.known()?.version !== 1) await new Promise(setImmediate)
    assert.equal(cache.known()?.percent, 0)
  }
})

test('however often word comes one read goes on at a time, and one more after the last word', async () => {
  const news = createFakeCutoverNews()
  const waiting: PromiseWithResolvers<CutoverFlag | undefined>[] = []
  const started = createArrivals<number>()
  const current = () => {
    const read = Promise.withResolvers<CutoverFlag | undefined>()
    waiting.push(read)
    started.add(waiting.length)
    return read.promise
  }
  const options = { news, log: createTestLog(), pollMs: 3_600_000 }
  const cache = createFlagCache({ ...options, store: { current: current as never } })
  open.push(cache)
  for (let version = 1; version <= 20; version++) await news.tell(version)
  assert.equal(waiting.length, 1)
  waiting[0]!.resolve(storedFlag({ version: 3 }))
  await started.until(2)
  waiting[1]!.resolve(storedFlag({ version: 20 }))
  await untilKnown(cache, 20)
  await news.tell(20)
  await new Promise(setImmediate)
  assert.equal(waiting.length, 2)
})

test('once closed it neither reads nor listens', async () => {
  const { cache, store, news, reads } = openCache({ pollMs: 1 })
  await cache.loaded(10_000)
  cache.close()
  await new Promise(setImmediate)
  const before = reads.items.length
  await store.change(flagChange(), 0)
  await news.tell(1)
  await new Promise(setImmediate)
  assert.equal(reads.items.length, before)
})
