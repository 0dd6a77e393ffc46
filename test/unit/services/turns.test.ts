import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { createTurns } from '../../../src/services/turns.ts'

test('so many pieces go in one turn of the event loop, the others in the next ones, in their order', async () => {
  const turns = createTurns(2)
  const order: string[] = []
  const take = async (name: string): Promise<void> => {
    const turn = turns.take()
    if (turn !== undefined) await turn
    order.push(name)
  }
  const all = ['a', 'b', 'c', 'd', 'e'].map(take)
  assert.deepEqual(order, ['a', 'b'])
  await nextTurn()
  assert.deepEqual(order, ['a', 'b', 'c', 'd'])
  await nextTurn()
  assert.deepEqual(order, ['a', 'b', 'c', 'd', 'e'])
  await Promise.all(all)
})

test('who waited goes before who comes, and a turn nobody used is not saved up', async () => {
  const turns = createTurns(1)
  for (let idle = 0; idle < 3; idle += 1) await nextTurn()
  assert.equal(turns.take(), undefined)
  const waiting = turns.take()
  assert.ok(waiting instanceof Promise)
  await waiting
  assert.ok(turns.take() instanceof Promise)
  await nextTurn()
  await nextTurn()
  assert.equal(turns.take(), undefined)
})
