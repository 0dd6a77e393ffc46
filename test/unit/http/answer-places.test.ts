import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createAnswerPlaces } from '../../../src/http/answer-places.ts'

test('an address that takes all it may keeps no other out, and has its places back once they are left', () => {
  const places = createAnswerPlaces({ most: 3, mostOfAddress: 2, bytesOfAddress: 100 })
  const leave = places.enter('a', 1)
  assert.ok(leave !== undefined && places.enter('a', 1) !== undefined)
  assert.equal(places.enter('a', 1), undefined)
  assert.ok(places.enter('b', 1) !== undefined)
  assert.equal(places.enter('c', 1), undefined)
  leave()
  leave()
  assert.ok(places.enter('c', 1) !== undefined)
  assert.equal(places.enter('a', 1), undefined)
})

test('an address has at most so many bytes under way, however few its answers', () => {
  const places = createAnswerPlaces({ most: 9, mostOfAddress: 9, bytesOfAddress: 100 })
  const leave = places.enter('a', 60)
  assert.equal(places.enter('a', 41), undefined)
  assert.ok(places.enter('b', 100) !== undefined)
  assert.ok(places.enter('a', 40) !== undefined)
  leave?.()
  assert.ok(places.enter('a', 60) !== undefined)
})
