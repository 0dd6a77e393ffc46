import assert from 'node:assert/strict'
import { test } from 'node:test'
import { formatCursor, parseCursor } from '../../../src/domain/cursor.ts'

const jobId = '019aa7de-6f2b-7c3e-9a55-0c2f6a1b2c3d'

test('a cursor survives being written and read', () => {
  for (const cursor of [
    { epoch: 'a1b2', seq: 0 },
    { epoch: 'Zz9', seq: 123_456 },
    { epoch: 'e', seq: 7, end: { jobId, attempt: 2 } },
    { epoch: 'e', seq: 7, mark: '4294967295' },
    { epoch: 'e', seq: 7, mark: '12', end: { jobId, attempt: 2 } },
  ]) {
    assert.deepEqual(parseCursor(formatCursor(cursor)), cursor)
  }
})

test('anything else is no cursor', () => {
  for (const text of [
    undefined,
    '',
    '1',
    'a.b',
    'a.1.x',
    'a.1.2.3',
    'a.-1',
    '.5',
    `a.1.x.${jobId}`,
    'a.1\nid: 5',
    'a.1 ',
    'ä.1',
  ]) {
    assert.equal(parseCursor(text), undefined, String(text))
  }
})
