import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createBoard, formatLine } from '../../../scripts/demo/board.ts'
import { formatSummary } from '../../../scripts/demo/summary.ts'

function createOutput(isTTY: boolean, columns = 80) {
  const written: string[] = []
  return { isTTY, columns, write: (text: string) => written.push(text), written }
}
const step = (status: string, progress: number) => ({ status, progress, message: 'Going on' })

test('a line shows name, bar, percentage, status and message', () => {
  const line = formatLine('a.wav', step('queued', 50))
  assert.equal(line, `a.wav  ${'█'.repeat(12)}${'░'.repeat(12)}  50 %  queued     Going on`)
})

test('without a terminal a job prints a line when its status changes, not for each percentage', () => {
  const output = createOutput(false)
  const board = createBoard(['a.wav', 'b.wav'], output)
  for (const [status, progress] of [
    ['queued', 40],
    ['analysing', 65],
    ['analysing', 80],
    ['completed', 100],
  ] as const) {
    board.show(0, step(status, progress))
  }
  assert.equal(output.written.length, 3)
  assert.ok(output.written.every((line) => line.startsWith('a.wav')))
})

test('in a terminal all lines are redrawn in place, and none is wide enough to wrap', () => {
  const output = createOutput(true, 40)
  const board = createBoard(['a.wav', 'b.wav'], output)
  board.show(1, step('analysing', 65))
  const [, redrawn = ''] = output.written
  assert.ok(redrawn.startsWith('\u001b[2A'))
  const lines = redrawn.replaceAll('\u001b[2A', '').replaceAll('\u001b[2K', '').trimEnd().split('\n')
  assert.equal(lines.length, 2)
  assert.ok(lines.every((line) => line.length < 40))
})

test('the summary has a row per result, a dash for what could not be computed, and an end for every recording', () => {
  const result = {
    duration_s: 0.5,
    pitch: { start_s: 0.02, step_s: 0.01, f0_hz: [null], median_hz: null, range_semitones: null, voiced_ratio: null },
    timing: { pauses: [] },
  }
  const text = formatSummary(
    [
      { name: 'quiet.wav', status: 'completed', seconds: 1.5, result },
      { name: 'notes.txt', status: 'failed', reason: 'The file is not audio' },
    ],
    createOutput(false),
  )
  assert.match(text, /quiet\.wav +0\.50 s +– +– +– +0\n/)
  assert.match(
    text,
    /\n\ncompleted {2}quiet\.wav {2}\(1\.50 s from upload to result\)\nfailed {2}notes\.txt {2}The file is not audio$/,
  )
})
