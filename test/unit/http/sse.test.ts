import assert from 'node:assert/strict'
import { test } from 'node:test'
import { formatFrame, formatHeartbeat, formatRetry } from '../../../src/http/sse.ts'

test('a frame is an event with its id and one line of data', () => {
  const text = formatFrame({ event: 'progress', id: 'e.1', data: '{"a":1}' })
  assert.equal(text, 'event: progress\nid: e.1\ndata: {"a":1}\n\n')
  assert.equal(formatFrame({ event: 'gap', data: '{}' }), 'event: gap\ndata: {}\n\n')
})

test('a heartbeat moves the cursor and dispatches nothing', () => {
  assert.equal(formatHeartbeat('e.7'), 'id: e.7\n\n')
  assert.equal(formatHeartbeat(undefined), ':\n\n')
})

test('the time to come back is spread between half and one and a half', () => {
  assert.equal(formatRetry(2000, 0), 'retry: 1000\n\n')
  assert.equal(formatRetry(2000, 0.999), 'retry: 2998\n\n')
})
