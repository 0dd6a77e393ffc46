import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createUuidV7, isUuid } from '../../../src/domain/ids.ts'

test('a UUID v7 carries its time, version and variant', () => {
  const id = createUuidV7(0x017f22e279b0, 'ffffffff-ffff-4fff-bfff-ffffffffffff')
  assert.equal(id, '017f22e2-79b0-7fff-bfff-ffffffffffff')
  assert.ok(isUuid(id))
})

test('ids sort by the time they were made, and differ within a millisecond', () => {
  const ids = Array.from({ length: 500 }, (_, i) => createUuidV7(1_700_000_000_000 + i))
  assert.deepEqual([...ids].sort(), ids)
  assert.equal(new Set(Array.from({ length: 500 }, () => createUuidV7(1))).size, 500)
})
