/** What a component of a comparison must not be moved by, and what a part of it consists of. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { compare } from '../../../src/analysis/compare.ts'
import type { PitchContour } from '../../../src/analysis/pitch-file.ts'
import type { TextGrid } from '../../../src/analysis/text-grid.ts'
import { contourOf, imitationOf, referenceOf, sentence } from './contours.ts'

const SEEDS = [1, 2, 3, 4, 5, 6, 7, 8]

function compared(imitation: PitchContour, reference: PitchContour, textGrid: TextGrid | null = null) {
  const comparison = compare(imitationOf(imitation), referenceOf(reference, textGrid))
  assert.ok(comparison.score !== null, String(comparison.reason))
  return comparison
}

/** @param factor of its range */
function melody(seed: number, factor = 1) {
  const { durationS, tune } = sentence(seed)
  return contourOf(durationS, (timeS) => {
    const semitones = tune(timeS)
    return semitones === undefined ? undefined : factor * semitones
  })
}

test('a melody of another range, in the same time, bends no time and loses points smoothly', () => {
  const factors = Array.from({ length: 21 }, (_, i) => 0.6 + 0.05 * i)
  for (const seed of SEEDS) {
    const scores = factors.map((factor) => {
      const { score, components } = compared(melody(seed, factor), melody(seed))
      assert.ok(components.timeWarping < 0.1, `seed ${seed}, × ${factor}: ${components.timeWarping}`)
      return score
    })
    const steps = scores.slice(1).map((score, i) => (factors[i]! < 0.99 ? score - scores[i]! : scores[i]! - score))
    assert.ok(Math.min(...steps) > 0 && Math.max(...steps) < 5, `seed ${seed}: ${scores.map(Math.round)}`)
  }
})

test('an interval has a score, a distance and a direction, or none of the three', () => {
  let [scored, unscored] = [0, 0]
  for (const [seed, other] of [
    [1, 2],
    [3, 4],
    [5, 8],
  ] as const) {
    const times = Array.from({ length: 80 }, (_, i) => ({ startS: 0.04 * i, endS: 0.04 * (i + 1), label: String(i) }))
    const tier = { kind: 'intervals', name: 'pieces', intervals: times } as const
    const { intervals } = compared(melody(other), melody(seed), { startS: 0, endS: 3.2, tiers: [tier] })
    for (const { score, pitchRmseSemitones, direction } of intervals) {
      const absent = [score, pitchRmseSemitones, direction].filter((value) => value === null).length
      assert.ok(absent === 0 || absent === 3, JSON.stringify({ score, pitchRmseSemitones, direction }))
      if (absent === 0) scored++
      else unscored++
    }
  }
  assert.ok(scored > 20 && unscored > 20, `${scored} with, ${unscored} without`)
})
