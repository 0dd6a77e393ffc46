import assert from 'node:assert/strict'
import { test } from 'node:test'
import { backoffMs } from '../../../src/domain/retry.ts'

test('the delay doubles from the base to the maximum, between its half and its whole', () => {
  const backoff = { baseMs: 100, maxMs: 1000 }
  assert.deepEqual(
    [1, 2, 3, 4, 5, 60].map((tries) => backoffMs(backoff, tries, 0)),
    [50, 100, 200, 400, 500, 500],
  )
  assert.deepEqual(
    [1, 2, 3, 4, 5, 60].map((tries) => backoffMs(backoff, tries, 1)),
    [100, 200, 400, 800, 1000, 1000],
  )
})
