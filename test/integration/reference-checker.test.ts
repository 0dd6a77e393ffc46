import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { MAX_REFERENCE_BYTES } from '../../src/analysis/reference-text.ts'
import { createReferenceChecker } from '../../src/media/reference-checker.ts'

const bytesOf = (text: string) => Buffer.from(text)
/** A table of as many bytes as are taken. */
const rows = Array.from({ length: 215_000 }, (_, i) => `${(i / 100).toFixed(3)},${(150 + (i % 50)).toFixed(7)}\n`)
const LARGE = bytesOf(rows.join('')).subarray(0, MAX_REFERENCE_BYTES - 100)

const checker = createReferenceChecker()
after(() => checker.close())

test('a small text and a large one are judged alike', async () => {
  for (const threadAboveBytes of [0, MAX_REFERENCE_BYTES]) {
    const either = createReferenceChecker({ threadAboveBytes })
    after(() => either.close())
    await either.check('pitch', bytesOf('time,f0\n0,100\n0.1,110\n'))
    await assert.rejects(either.check('pitch', bytesOf('time,f0\n0,5000\n')), {
      name: 'AppError',
      code: 'reference-invalid',
      detail: /^Line 2: An F0 of 5000 Hz/,
    })
    await assert.rejects(either.check('textgrid', bytesOf('hello')), { code: 'reference-invalid' })
  }
})

test('the event loop turns while the largest text is checked', async () => {
  let turns = 0
  let checking = true
  const turn = (): void => {
    turns++
    if (checking) setImmediate(turn)
  }
  turn()
  await checker.check('pitch', LARGE)
  checking = false
  assert.ok(turns > 20, `only ${turns} turns`)
})

test('more than it may hold are refused for now, and taken again afterwards', async () => {
  const narrow = createReferenceChecker({ threadAboveBytes: 0, maxHeld: 1 })
  after(() => narrow.close())
  const text = bytesOf('0,100\n0.1,110\n')
  const first = narrow.check('pitch', text)
  await assert.rejects(narrow.check('pitch', text), { code: 'not-ready', retry: 'later' })
  await first
  await narrow.check('pitch', text)
})
