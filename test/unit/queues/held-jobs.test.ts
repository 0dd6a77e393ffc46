import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createRandom } from '../../../scripts/bench/random.ts'
import { createHeldJobs, type HeldJob } from '../../../src/queues/held-jobs.ts'
import { createTestLog } from '../../contracts/test-log.ts'
import { roundsOf, withSeed } from '../../support/seeds.ts'

const log = createTestLog()
const idOf = (age: number): string => `${String(age).padStart(4, '0')}-1`

/** Jobs that, called back, wait again in the order they were called in. */
function createQueue() {
  const called: string[] = []
  const job = (age: number, priority = 2): HeldJob => {
    const id = idOf(age)
    const promote = async () => void called.push(id)
    return { id, priority, promote }
  }
  return { called, job }
}

test('a job is behind an older or more urgent one of its owner that is held, and behind no other', () => {
  const { job } = createQueue()
  const held = createHeldJobs(log)
  held.add('noisy', job(5))
  assert.deepEqual(
    [job(4), job(5), job(6), job(9, 1), job(1, 3)].map((other) => held.isBehind('noisy', other)),
    [false, false, true, false, true],
  )
  assert.equal(held.isBehind('quiet', job(6)), false)
})

test('the oldest of each owner are called, as many as it has places less those on their way, and hold the younger up until they come', async () => {
  const { called, job } = createQueue()
  const held = createHeldJobs(log)
  for (const age of [4, 2, 3, 1]) held.add('noisy', job(age))
  held.add('quiet', job(9))
  await held.call((owner) => (owner === 'noisy' ? 2 : 1))
  assert.deepEqual(called, [1, 2, 9].map(idOf))
  await held.call(() => 2)
  assert.deepEqual(called, [1, 2, 9].map(idOf))
  assert.equal(held.isBehind('noisy', job(3)), true)
  held.arrive('noisy', job(1))
  assert.deepEqual([held.isBehind('noisy', job(1)), held.isBehind('noisy', job(3))], [false, true])
  held.arrive('noisy', job(2))
  held.arrive('noisy', job(3))
  assert.deepEqual([held.isBehind('noisy', job(3)), held.size], [false, 1])
})

test('a job holds the younger up from the moment its delay is asked for, and is called only once it is delayed', async () => {
  const { called, job } = createQueue()
  const held = createHeldJobs(log)
  const leaving = Promise.withResolvers<void>()
  held.add('noisy', job(2), leaving.promise)
  held.add('noisy', job(3))
  assert.equal(held.isBehind('noisy', job(4)), true)
  await held.call(() => 5)
  assert.deepEqual(called, [])
  leaving.resolve()
  await leaving.promise
  await held.call(() => 5)
  assert.deepEqual(called, [2, 3].map(idOf))
})

test('at the end all are called, who is on its way out too, and no delay that fails keeps another', async () => {
  const { called, job } = createQueue()
  const held = createHeldJobs(log)
  const leaving = Promise.withResolvers<void>()
  held.add('noisy', job(1), Promise.reject(new Error('lock lost')))
  held.add('noisy', job(2), leaving.promise)
  held.add('noisy', job(3))
  held.add('quiet', job(9))
  const all = held.callAll()
  leaving.resolve()
  await all
  assert.deepEqual([called, held.size], [[2, 3, 9].map(idOf), 0])
})

test('a job whose delay failed is not held, and holds nobody up', async () => {
  const { called, job } = createQueue()
  const held = createHeldJobs(log)
  const delayed = Promise.reject(new Error('lock lost'))
  held.add('noisy', job(2), delayed)
  await assert.rejects(delayed)
  assert.deepEqual([held.size, held.isBehind('noisy', job(3))], [0, false])
  await held.call(() => 5)
  assert.deepEqual(called, [])
})

test('who was called and came to another process holds nobody up once one called later has come', async () => {
  const { job } = createQueue()
  const held = createHeldJobs(log)
  for (const age of [1, 2, 3]) held.add('noisy', job(age))
  await held.call(() => 2)
  held.arrive('noisy', job(2))
  assert.equal(held.isBehind('noisy', job(2)), false)
})

/** Two forwarders, a queue and one owner, in an order that is drawn; resolves to what was let in, in turn. */
async function letIn(random: () => number, count: number): Promise<number[]> {
  const forwarders = [1, 2].map(() => ({ memory: createHeldJobs(log), holds: new Set<number>() }))
  const waiting = Array.from({ length: count }, (_, age) => age)
  const went: number[] = []
  let places = 0
  for (let turn = 0; went.length < count; turn += 1) {
    assert.ok(turn < 1000 * count, `${went.length} of ${count} went`)
    const one = forwarders[Math.floor(random() * 2)]!
    const step = random()
    if (step < 0.1) places += Math.floor(random() * 4)
    if (step < 0.2) await one.memory.call(() => places)
    const age = step < 0.2 ? undefined : waiting.shift()
    if (age === undefined) continue
    const promote = async () => {
      one.holds.delete(age)
      waiting.push(age)
    }
    const job = { id: idOf(age), priority: 2, promote }
    one.memory.arrive('noisy', job)
    if (places <= 0 || one.memory.isBehind('noisy', job)) {
      one.memory.add('noisy', job)
      one.holds.add(age)
      continue
    }
    assert.deepEqual(
      [...one.holds].filter((older) => older < age),
      [],
      `${age} was let in by who held these`,
    )
    went.push(age)
    places -= 1
  }
  return went
}

test('of two forwarders each lets in the oldest that it holds, and all go once, however their turns fall', () =>
  withSeed(async (seed) => {
    const random = createRandom(seed)
    for (let run = 0; run < roundsOf(200); run += 1) {
      const went = await letIn(random.next, 40)
      assert.deepEqual(
        went.toSorted((a, b) => a - b),
        Array.from({ length: 40 }, (_, age) => age),
      )
    }
  }))
