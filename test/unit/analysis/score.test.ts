import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { ALIGNMENT } from '../../../src/analysis/align.ts'
import { npvi } from '../../../src/analysis/npvi.ts'
import { SCORING, scoreOf } from '../../../src/analysis/score.ts'
import { COMPARISON_REASONS, type ComparisonComponents } from '../../../src/domain/comparison.ts'

const PERFECT: ComparisonComponents = {
  pitchRmseSemitones: 0,
  pitchCorrelation: 1,
  rangeRatio: 1,
  timingRatio: 1,
  npviDifference: 0,
  voicingAgreement: 1,
  timeWarping: 0,
}
const document = readFileSync(join(import.meta.dirname, '../../../docs/scoring.md'), 'utf8')

test('every change of a component for the worse lowers the score, in either direction', () => {
  assert.equal(scoreOf(PERFECT), 100)
  const worse: [keyof ComparisonComponents, number[]][] = [
    ['pitchRmseSemitones', [0.5, 1, 3]],
    ['pitchCorrelation', [0.9, 0.5, 0.1]],
    ['rangeRatio', [1.3, 2, 4]],
    ['rangeRatio', [0.8, 0.5, 0.1, 0]],
    ['timingRatio', [1.2, 1.6, 3]],
    ['timingRatio', [0.8, 0.6, 0.3]],
    ['npviDifference', [10, 30, 60]],
    ['npviDifference', [-10, -30, -60]],
    ['voicingAgreement', [0.9, 0.7]],
    ['timeWarping', [0.1, 0.4, 1]],
  ]
  for (const [component, values] of worse) {
    let before = 100
    for (const value of values) {
      const score = scoreOf({ ...PERFECT, [component]: value })
      assert.ok(score < before && score >= 0, `${component} ${value}: ${score}`)
      before = score
    }
  }
})

test('the formula in the docs is the formula', () => {
  const parts = [
    `(${SCORING.distanceShare} · exp(−rmse / ${SCORING.rmseSemitones}) + ${SCORING.correlationShare} · max(0, r)) · 2 / (q + 1/q)`,
    `exp(−(time_warping / ${SCORING.timeWarping})²)`,
    `voicing_agreement^${SCORING.voicingPower}`,
    `exp(−(ln timing_ratio / ${SCORING.timingLog})²)`,
    `exp(−(npvi_difference / ${SCORING.npviDifference})²)`,
    `100 · exp(−rmse / ${SCORING.intervalRmseSemitones}) · exp(−(ln(duration_ratio / timing_ratio) / ${SCORING.timingLog})²)`,
    `costs ${ALIGNMENT.cell}, and ${ALIGNMENT.voicingMismatch} more where only one is voiced, or ${ALIGNMENT.semitone} per semitone`,
    `at most ${ALIGNMENT.mostSemitones} semitones`,
    `a band of ${100 * ALIGNMENT.band} % of the longer one`,
    `counts ${ALIGNMENT.diagonalWeight} times, any other ${ALIGNMENT.straightWeight} times`,
    ...Object.keys(COMPARISON_REASONS).map((reason) => `| \`${reason}\` |`),
  ]
  for (const part of parts) assert.ok(document.replaceAll(/\s+/g, ' ').includes(part), part)
})

test('the documented formula gives the documented kind of figure', () => {
  const score = scoreOf({
    pitchRmseSemitones: 1.1,
    pitchCorrelation: 0.91,
    rangeRatio: 0.8,
    timingRatio: 1.1,
    npviDifference: 4.2,
    voicingAgreement: 0.98,
    timeWarping: 0.2,
  })
  const melody = (0.4 * Math.exp(-1.1 / 2) + 0.6 * 0.91) * (2 / (0.8 + 1 / 0.8))
  const time = Math.exp(-((0.2 / 0.35) ** 2)) * Math.exp(-((Math.log(1.1) / 0.7) ** 2)) * Math.exp(-((4.2 / 120) ** 2))
  assert.ok(Math.abs(score - 100 * melody * time * 0.98 ** 3) < 1e-9)
})

test('nPVI is 0 for even durations and 100 for those that alternate one to three', () => {
  assert.equal(npvi([0.2, 0.2, 0.2]), 0)
  assert.ok(Math.abs(npvi([0.1, 0.3, 0.1, 0.3])! - 100) < 1e-9)
  assert.equal(npvi([0.2]), null)
})
