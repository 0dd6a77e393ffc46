import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Backlog, createBacklog } from '../../../src/http/backlog.ts'

function takeAll(backlog: Backlog): string[] {
  const texts: string[] = []
  for (let next = backlog.shift(); next !== undefined; next = backlog.shift()) texts.push(next.toString())
  return texts
}

const PATTERN = [
  ['a status', undefined],
  ['a 70', 'a'],
  ['b 70', 'b'],
  ['a 71', 'a'],
  ['a 72', 'a'],
  ['b end', undefined],
] as const

test('what waits comes in order, of each job’s percentages only the newest, where that was appended', () => {
  const backlog = createBacklog()
  for (const [text, percentageOf] of PATTERN) backlog.add(Buffer.from(text), percentageOf)
  assert.deepEqual([backlog.size, backlog.bytes], [4, 'a statusb 70a 72b end'.length])
  assert.deepEqual(takeAll(backlog), ['a status', 'b 70', 'a 72', 'b end'])
  assert.deepEqual([backlog.size, backlog.bytes], [0, 0])
})

test('a percentage that was taken is no older one any more', () => {
  const backlog = createBacklog()
  backlog.add(Buffer.from('a 70'), 'a')
  assert.equal(backlog.shift()?.toString(), 'a 70')
  backlog.add(Buffer.from('a 71'), 'a')
  assert.deepEqual(takeAll(backlog), ['a 71'])
})
