import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createBatcher } from '../../src/domain/batcher.ts'

/** A run that records its batches and ends when it is told to. */
function createRun() {
  const batches: { items: readonly number[]; end(outcomes?: (string | Error)[]): void; fail(error: unknown): void }[] =
    []
  const started: (() => void)[] = []
  return {
    batches,
    /** Resolves when so many batches have started. */
    until: async (count: number) => {
      while (batches.length < count) await new Promise<void>((resolve) => started.push(resolve))
    },
    run: (items: readonly number[]) => {
      const { promise, resolve, reject } = Promise.withResolvers<(string | Error)[]>()
      batches.push({ items, end: (outcomes = items.map((item) => `r${item}`)) => resolve(outcomes), fail: reject })
      for (const wake of started.splice(0)) wake()
      return promise
    },
  }
}

const range = (count: number) => Array.from({ length: count }, (_, i) => i)

test('an idle batcher sends what one turn of the event loop brings, in order', async () => {
  const { batches, until, run } = createRun()
  const call = createBatcher({ maxSize: 10, maxInFlight: 1, run })
  const results = Promise.all(range(4).map((item) => call(item)))
  await until(1)
  assert.deepEqual(batches[0]?.items, [0, 1, 2, 3])
  batches[0]?.end()
  assert.deepEqual(await results, ['r0', 'r1', 'r2', 'r3'])
})

test('calls gather while the allowed batches run', async () => {
  const { batches, until, run } = createRun()
  const call = createBatcher({ maxSize: 5, maxInFlight: 1, run })
  const first = call(0)
  await until(1)
  const rest = Promise.all(range(7).map((item) => call(item + 1)))
  batches[0]?.end()
  await first
  await until(2)
  batches[1]?.end()
  await until(3)
  batches[2]?.end()
  await rest
  assert.deepEqual(
    batches.map(({ items }) => items),
    [[0], [1, 2, 3, 4, 5], [6, 7]],
  )
})

test('full batches leave at once, up to the allowed number', async () => {
  const { batches, run } = createRun()
  const call = createBatcher({ maxSize: 2, maxInFlight: 3, run })
  const all = Promise.all(range(8).map((item) => call(item)))
  assert.deepEqual(
    batches.map(({ items }) => items),
    [
      [0, 1],
      [2, 3],
      [4, 5],
    ],
  )
  for (let i = 0; i < 4; i += 1) {
    batches[i]?.end()
    await new Promise(setImmediate)
  }
  assert.equal((await all).length, 8)
})

test('one bad item rejects its own call alone', async () => {
  const { batches, until, run } = createRun()
  const call = createBatcher({ maxSize: 10, maxInFlight: 1, run })
  const results = Promise.allSettled(range(3).map((item) => call(item)))
  await until(1)
  batches[0]?.end(['a', new Error('bad'), 'c'])
  assert.deepEqual(
    (await results).map((result) => (result.status === 'fulfilled' ? result.value : String(result.reason))),
    ['a', 'Error: bad', 'c'],
  )
})

test('a run that fails rejects every call of its batch, and the next batch runs', async () => {
  const { batches, until, run } = createRun()
  const call = createBatcher({ maxSize: 2, maxInFlight: 1, run })
  const failing = Promise.allSettled([call(0), call(1)])
  const next = call(2)
  batches[0]?.fail(new Error('all'))
  assert.deepEqual(
    (await failing).map(({ status }) => status),
    ['rejected', 'rejected'],
  )
  await until(2)
  batches[1]?.end()
  assert.equal(await next, 'r2')
})

test('a run that answers for another number of items rejects its batch', async () => {
  const { batches, until, run } = createRun()
  const call = createBatcher({ maxSize: 2, maxInFlight: 1, run })
  const result = call(0)
  await until(1)
  batches[0]?.end([])
  await assert.rejects(result, /0 outcomes for 1 items/)
})

test('a run that throws before it returns a promise rejects its batch', async () => {
  const call = createBatcher<number, string>({
    maxSize: 2,
    maxInFlight: 1,
    run: () => {
      throw new Error('at once')
    },
  })
  await assert.rejects(call(0), /at once/)
})

test('a batch stays below its bytes, and an item that is larger travels alone', async () => {
  const sizes = [40, 50, 20, 500, 10]
  const batches: (readonly number[])[] = []
  const call = createBatcher<number, number>({
    maxSize: 10,
    maxInFlight: 1,
    maxBytes: 100,
    sizeOf: (item) => item,
    run: async (items) => {
      batches.push(items)
      return [...items]
    },
  })
  assert.deepEqual(await Promise.all(sizes.map((size) => call(size))), sizes)
  assert.deepEqual(batches, [[40, 50], [20], [500], [10]])
})

test('a linger gathers under traffic', async () => {
  const { batches, call } = createLingering(13)
  await Promise.all(Array.from({ length: 10 }, (_, i) => call(i)))
  const gathered = [call(10), call(11)]
  await new Promise(setImmediate)
  assert.equal(batches.length, 1)
  await Promise.all([...gathered, ...Array.from({ length: 11 }, (_, i) => call(12 + i))])
  assert.deepEqual(
    batches.map((batch) => batch.length),
    [10, 13],
  )
})

test('a linger ends as soon as enough calls have gathered', async () => {
  const { batches, call } = createLingering(100, 3)
  await Promise.all(Array.from({ length: 10 }, (_, i) => call(i)))
  const gathered = [call(10)]
  await new Promise(setImmediate)
  assert.equal(batches.length, 1)
  await Promise.all([...gathered, call(11), call(12), call(13)])
  assert.deepEqual(
    batches.map((batch) => batch.length),
    [10, 4],
  )
})

test('a linger never delays the calls of one that comes alone', async () => {
  const { batches, call } = createLingering(13)
  for (let step = 0; step < 9; step += 1) await call(step)
  assert.equal(batches.length, 9)
})

/** Waits for as good as ever when it lingers, so that a test of it either ends at once or not at all. */
function createLingering(maxSize: number, enough = maxSize) {
  const batches: (readonly number[])[] = []
  const call = createBatcher<number, number>({
    maxSize,
    maxInFlight: 2,
    lingerMs: 60_000,
    enough,
    run: async (items) => {
      batches.push(items)
      return [...items]
    },
  })
  return { batches, call }
}
