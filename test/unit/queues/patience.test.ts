import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createPatience, LateAnswer } from '../../../src/queues/patience.ts'

const never = () => new Promise<never>(() => {})

/** The timer of a patience alone keeps no process alive. */
async function whileAlive<T>(work: Promise<T>): Promise<T> {
  const timer = setInterval(() => {}, 1000)
  return await work.finally(() => clearInterval(timer))
}

test('an answer in time comes through as it is, and so does a failure', async () => {
  const bounded = createPatience(10_000)
  assert.equal(await bounded(Promise.resolve(5)), 5)
  const failure = new Error('no')
  await assert.rejects(bounded(Promise.reject(failure)), failure)
})

test('each of many calls is given up after its own patience, however many began before it', async () => {
  const bounded = createPatience(60)
  const waits: number[] = []
  const begin = async () => {
    const began = performance.now()
    await assert.rejects(bounded(never()), LateAnswer)
    waits.push(performance.now() - began)
  }
  const first = begin()
  // Begun when half of the first one's patience is over.
  await whileAlive(assert.rejects(createPatience(30)(never()), LateAnswer))
  await whileAlive(Promise.all([first, begin(), begin()]))
  assert.equal(waits.length, 3)
  assert.ok(
    waits.every((ms) => ms >= 60 && ms < 500),
    waits.join(' '),
  )
})

test('after a pause in which nothing was waited for, patience is what it was', async () => {
  const bounded = createPatience(20)
  for (let i = 0; i < 3; i += 1) {
    await bounded(Promise.resolve())
    await whileAlive(assert.rejects(bounded(never()), LateAnswer))
  }
})

test('an answer that lies there when this process has been busy is not late', async () => {
  const bounded = createPatience(20)
  const { promise, resolve } = Promise.withResolvers<string>()
  const answer = bounded(promise)
  setImmediate(() => {
    const until = performance.now() + 60
    while (performance.now() < until);
    setImmediate(() => resolve('there'))
  })
  assert.equal(await whileAlive(answer), 'there')
})
