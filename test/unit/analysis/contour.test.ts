import assert from 'node:assert/strict'
import { test } from 'node:test'
import { drawContour } from '../../../scripts/contour.ts'

const options = { startS: 0.02, stepS: 0.01, width: 60, height: 12 }
const dotsOf = (text: string) => [...text].filter((char) => char >= '\u2801' && char <= '\u28ff').length

test('a contour keeps to its width and height, and its axes name Hz and seconds', () => {
  const f0Hz = Array.from({ length: 200 }, (_, i) => (i % 50 < 35 ? 150 + 50 * Math.sin(i / 20) : null))
  const lines = drawContour(f0Hz, options).split('\n')
  assert.equal(lines.length, 12)
  assert.ok(lines.every((line) => [...line].length <= 60))
  assert.match(lines[0]!, /^\d+ Hz ┤/)
  assert.match(lines.at(-1)!, /^ +0\.02 +1\.01 +2\.01 s$/)
  assert.ok(dotsOf(lines.join('')) > 30)
})

test('a rising voice is drawn from the bottom left to the top right', () => {
  const rows = drawContour(
    Float64Array.from({ length: 100 }, (_, i) => 100 * 2 ** (i / 99)),
    options,
  ).split('\n')
  const first = rows.findIndex((row) => dotsOf(row) > 0)
  const last = rows.findLastIndex((row) => dotsOf(row) > 0)
  assert.ok(first < 2 && last > 7)
  const columnOf = (row: string) => [...row].findIndex((char) => dotsOf(char) > 0)
  assert.ok(columnOf(rows[first]!) > columnOf(rows[last]!) + 30)
})

test('unvoiced frames leave a gap', () => {
  const f0Hz = [...Array(40).fill(200), ...Array(20).fill(0), ...Array(40).fill(200)]
  const line = drawContour(f0Hz, options)
    .split('\n')
    .find((row) => dotsOf(row) > 0)!
  assert.match(line, /[\u2801-\u28ff] {8,}[\u2801-\u28ff]/)
})

test('no frames, no voice and one frame are drawn without fault', () => {
  assert.equal(drawContour([], options), '(no voice was found)')
  assert.equal(drawContour([null, 0, Number.NaN], options), '(no voice was found)')
  assert.equal(dotsOf(drawContour([200], options)), 1)
  assert.equal(drawContour([200, 210], { ...options, width: 1, height: 1 }).split('\n').length, 4)
})
