import assert from 'node:assert/strict'
import { test } from 'node:test'
import { keepAnswers } from '../../../src/storage/kept-comparison.ts'
import { createFakePorts } from '../../support/fake-ports.ts'

/** A comparison that counts how often it is asked. */
function counting() {
  const { comparison } = createFakePorts()
  let asked = 0
  const figures: typeof comparison.figures = (windowS) => {
    asked += 1
    return comparison.figures(windowS)
  }
  return { comparison: { ...comparison, figures }, asked: () => asked, setDown: comparison.setDown }
}

test('however many ask for the same within seconds, the tables are read once; other windows are asked for themselves', async () => {
  const { comparison, asked } = counting()
  const kept = keepAnswers(comparison)
  await Promise.all([kept.figures(300), kept.figures(300)])
  await kept.figures(300)
  assert.equal(asked(), 1)
  await kept.figures(3600)
  assert.equal(asked(), 2)
})

test('an answer is kept no longer than that', async () => {
  const { comparison, asked } = counting()
  const kept = keepAnswers(comparison, 0)
  for (let i = 0; i < 3; i += 1) await kept.figures(300)
  assert.equal(asked(), 3)
})

test('an answer that is slow to come is waited for by all, and kept from when it came', async () => {
  const { comparison } = createFakePorts()
  const asked: PromiseWithResolvers<number>[] = []
  const slow = { ...comparison, deadLetterOwners: () => ask().promise }
  function ask() {
    asked.push(Promise.withResolvers<number>())
    return asked.at(-1)!
  }
  const kept = keepAnswers(slow, 0)
  const first = kept.deadLetterOwners(60)
  await new Promise(setImmediate)
  const second = kept.deadLetterOwners(60)
  assert.equal(asked.length, 1)
  asked[0]!.resolve(3)
  assert.deepEqual(await Promise.all([first, second]), [3, 3])
  void kept.deadLetterOwners(60)
  assert.equal(asked.length, 2)
})

test('an outage is not kept', async () => {
  const { comparison, asked, setDown } = counting()
  const kept = keepAnswers(comparison)
  setDown(true)
  await assert.rejects(kept.ownersBySide(1, 300), { code: 'database-unavailable' })
  setDown(false)
  assert.deepEqual(await kept.ownersBySide(1, 300), { queue: 0, direct: 0 })
  assert.equal(asked(), 0)
})

test('one figure is read at a time, and what a step is judged by waits for none of them', async () => {
  const { comparison } = createFakePorts()
  const held = Promise.withResolvers<void>()
  const begun: string[] = []
  const figures: typeof comparison.figures = async (windowS) => {
    begun.push(`figures ${windowS}`)
    await held.promise
    if (windowS === 300) throw new Error('It cannot be read')
    return comparison.figures(windowS)
  }
  const kept = keepAnswers({ ...comparison, figures })
  const [first, second] = [kept.figures(300), kept.figures(3600)]
  await Promise.all([kept.outcomes(1, { fromS: 0, toS: 60, lateS: 30 }), kept.deadLetterOwners(60), kept.ageS(1)])
  assert.deepEqual(begun, ['figures 300'])
  held.resolve()
  await assert.rejects(first, /cannot be read/)
  assert.equal((await second).queue.accepted, 0)
  assert.deepEqual(begun, ['figures 300', 'figures 3600'])
})
