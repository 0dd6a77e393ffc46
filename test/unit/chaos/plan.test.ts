import assert from 'node:assert/strict'
import { test } from 'node:test'
import { interleaveRoles } from '../../../scripts/chaos/plan.ts'

const COUNTS = { api: 20, forward: 6, analyse: 8, record: 5, reconcile: 15 }
const CELLS = Object.entries(COUNTS).flatMap(([role, count]) =>
  Array.from({ length: count }, (_, index) => ({ role, name: `${role}/${index}` })),
)

test('every cell has its turn once, in an order that the seed alone decides', () => {
  const order = interleaveRoles(CELLS, 1)
  assert.deepEqual(new Set(order), new Set(CELLS))
  assert.equal(order.length, CELLS.length)
  assert.deepEqual(interleaveRoles(CELLS, 1), order)
  assert.notDeepEqual(interleaveRoles(CELLS, 2), order)
})

test('however early a run is over, each role has had as many cells as any other, as far as it has them', () => {
  const order = interleaveRoles(CELLS, 3)
  for (let length = 1; length <= order.length; length++) {
    const begun = Map.groupBy(order.slice(0, length), ({ role }) => role)
    const most = Math.max(...[...begun.values()].map((cells) => cells.length))
    for (const [role, count] of Object.entries(COUNTS)) {
      assert.ok((begun.get(role)?.length ?? 0) >= Math.min(count, most - 1), `${role} of the first ${length}`)
    }
  }
})

test('no cells are in order', () => {
  assert.deepEqual(interleaveRoles([], 1), [])
})
