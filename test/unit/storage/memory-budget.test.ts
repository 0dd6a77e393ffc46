import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { createMemoryBudget, type Lease, type MemoryBudget } from '../../../src/storage/memory-budget.ts'

const never = new AbortController().signal

describe('the memory budget', () => {
  test('gives at once while there is room, and never more than there is', async () => {
    const budget = createMemoryBudget(100)
    const first = await budget.take(60, never)
    assert.equal(budget.usedBytes, 60)
    const second = settled(budget.take(60, never))
    await turn()
    assert.deepEqual([second.lease], [undefined])
    assert.equal(budget.waiting, 1)
    first.release()
    await turn()
    assert.equal(second.lease?.bytes, 60)
    assert.equal(budget.waiting, 0)
  })

  test('a large request at the head is not overtaken by a small one that would fit', async () => {
    const budget = createMemoryBudget(100)
    const first = await budget.take(50, never)
    const large = settled(budget.take(80, never))
    const small = settled(budget.take(1, never))
    await turn()
    assert.deepEqual([large.lease, small.lease], [undefined, undefined])
    first.release()
    await turn()
    assert.deepEqual([large.lease?.bytes, small.lease?.bytes], [80, 1])
  })

  test('who gives up while waiting gets the reason and lets the next one through', async () => {
    const budget = createMemoryBudget(100)
    await budget.take(50, never)
    const controller = new AbortController()
    const large = budget.take(80, controller.signal)
    const small = settled(budget.take(10, never))
    const reason = new Error('gone')
    const outcome = assert.rejects(large, (error) => error === reason)
    controller.abort(reason)
    await outcome
    await turn()
    assert.equal(small.lease?.bytes, 10)
    assert.equal(budget.usedBytes, 60)
    await assert.rejects(budget.take(1, controller.signal), (error) => error === reason)
  })

  test('a lease goes back once, however often it is released', async () => {
    const budget = createMemoryBudget(100)
    const lease = await budget.take(60, never)
    await budget.take(30, never)
    lease.release()
    lease.release({ reusable: true })
    assert.equal(budget.usedBytes, 30)
  })

  test('more than the total is cut to it, so that it is not waited for in vain', async () => {
    const lease = await createMemoryBudget(100).take(1000, never)
    assert.deepEqual([lease.bytes, lease.buffer.length], [100, 100])
  })

  test('a buffer is handed out again only when its user says that nobody touches it any more', async () => {
    const budget = createMemoryBudget(100)
    const [kept, lost] = [await budget.take(40, never), await budget.take(40, never)]
    const [good, bad] = [kept.buffer, lost.buffer]
    kept.release({ reusable: true })
    lost.release()
    const again = [(await budget.take(40, never)).buffer, (await budget.take(40, never)).buffer]
    assert.ok(again.includes(good))
    assert.ok(!again.includes(bad))
  })

  test('with everything in use and others waiting, what is given back is what the next one gets', async () => {
    const budget = createMemoryBudget(100)
    let lease = await budget.take(90, never)
    const first = lease.buffer
    for (let i = 0; i < 10; i += 1) {
      const next = budget.take(90, never)
      lease.release({ reusable: true })
      lease = await next
      assert.equal(lease.buffer, first)
    }
  })

  for (const seed of [1, 2, 3, 4, 5, 6, 7, 8]) {
    test(`for any interleaving nobody waits for ever, order is kept and the total too (seed ${seed})`, () =>
      interleave(seed))
  }
})

/** 400 takers, each releases or gives up at a time of its own. */
async function interleave(seed: number): Promise<void> {
  const random = createRandom(seed)
  const budget = createMemoryBudget(1000)
  const served: number[] = []
  const held: Lease[] = []
  const waiting = new Map<number, AbortController>()
  const all: Promise<void>[] = []
  for (let taker = 0; taker < 400; taker += 1) {
    const controller = new AbortController()
    waiting.set(taker, controller)
    const bytes = Math.ceil(random() ** 3 * 1200)
    const taken = budget.take(bytes, controller.signal).then((lease) => {
      served.push(taker)
      held.push(lease)
    })
    all.push(taken.catch(() => {}).finally(() => waiting.delete(taker)))
    await step(budget, random, held, waiting)
  }
  while (waiting.size > 0 || held.length > 0) await step(budget, random, held, waiting)
  await Promise.all(all)
  assert.deepEqual(
    served,
    served.toSorted((a, b) => a - b),
  )
  assert.deepEqual([budget.usedBytes, budget.waiting], [0, 0])
}

async function step(
  budget: MemoryBudget,
  random: () => number,
  held: Lease[],
  waiting: Map<number, AbortController>,
): Promise<void> {
  assert.ok(budget.usedBytes <= budget.totalBytes)
  if (random() < 0.5) held.splice(Math.floor(random() * held.length), 1)[0]?.release({ reusable: random() < 0.5 })
  if (random() < 0.1) [...waiting.values()][Math.floor(random() * waiting.size)]?.abort(new Error('gone'))
  await turn()
  const idle = budget.waiting > 0 && budget.usedBytes === 0
  assert.ok(!idle, 'somebody waits although nothing is used')
}

function settled(promise: Promise<Lease>): { lease?: Lease } {
  const state: { lease?: Lease } = {}
  void promise.then((lease) => {
    state.lease = lease
  })
  return state
}

function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}

/** mulberry32 */
function createRandom(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}
