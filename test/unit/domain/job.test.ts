import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  analysisProgress,
  canAdvance,
  isTerminal,
  JOB_STATUSES,
  progressOnEntering,
  rankOf,
  UNFINISHED_STATUSES,
  uploadProgress,
} from '../../../src/domain/job.ts'

test('a job moves forward only, and never out of a terminal status', () => {
  for (const from of JOB_STATUSES) {
    for (const to of JOB_STATUSES) {
      const forward = !isTerminal(from) && (isTerminal(to) || JOB_STATUSES.indexOf(to) > JOB_STATUSES.indexOf(from))
      assert.equal(canAdvance(from, to), forward, `${from} → ${to}`)
    }
  }
})

test('the three terminal statuses share the highest rank', () => {
  assert.deepEqual(
    ['completed', 'failed', 'cancelled'].map((status) => rankOf(status as 'completed')),
    [5, 5, 5],
  )
})

test('progress rises with the rank, and failing keeps the last value', () => {
  const marks = UNFINISHED_STATUSES.map((status) => progressOnEntering(status, 0))
  assert.deepEqual(marks, [0, 25, 40, 60, 65])
  assert.equal(progressOnEntering('completed', 65), 100)
  assert.equal(progressOnEntering('failed', 40), 40)
  assert.equal(progressOnEntering('cancelled', 80), 80)
})

test('upload progress stays within 0–20 whatever was announced', () => {
  assert.equal(uploadProgress(0, 100), 0)
  assert.equal(uploadProgress(50, 100), 10)
  assert.equal(uploadProgress(100, 100), 20)
  assert.equal(uploadProgress(500, 100), 20)
  assert.equal(uploadProgress(500, undefined), 0)
  assert.equal(uploadProgress(500, 0), 0)
})

test('an analyser’s own progress is clamped to 65–95', () => {
  assert.deepEqual([-5, 64, 70.4, 96, 1e9].map(analysisProgress), [65, 65, 70, 95, 95])
})
