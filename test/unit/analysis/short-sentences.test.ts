/**
 * Six short English sentences, each by three voices at 150 and 180 words a minute: said by espeak-ng 1.51, tracked in
 * the mode `robust`, and kept, so that the test runs everywhere. All have the one intonation that a synthesiser gives
 * statements, and their lengths differ little, which makes them the hard case.
 */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { compare } from '../../../src/analysis/compare.ts'
import { quantile } from '../../../src/analysis/statistics.ts'
import { imitationOf, referenceOf } from './contours.ts'

interface Spoken {
  readonly text: string
  readonly voice: string
  readonly tempo: string
  readonly pitch: { readonly startS: number; readonly stepS: number; readonly f0Hz: Float64Array }
}

const rows = readFileSync(join(import.meta.dirname, 'fixtures/short-sentences.tsv'), 'utf8')
  .trimEnd()
  .split('\n')
const all: Spoken[] = rows.slice(1).map((row) => {
  const [text, voice, tempo, startS, f0Hz] = row.split('\t') as [string, string, string, string, string]
  const pitch = { startS: Number(startS), stepS: 0.01, f0Hz: Float64Array.from(f0Hz.split(' '), Number) }
  return { text, voice, tempo, pitch }
})

function scored(learner: Spoken, reference: Spoken): number {
  const comparison = compare(imitationOf(learner.pitch), referenceOf(reference.pitch))
  assert.ok(comparison.score !== null)
  return comparison.score
}

/** Of every rendering of a reference's sentence but itself, and of all the other sentences'. */
function scoresOf(text: string) {
  const [same, others]: [number[], number[]] = [[], []]
  for (const reference of all.filter((each) => each.text === text)) {
    for (const learner of all.filter((each) => each !== reference)) {
      const scores = learner.text === text ? same : others
      scores.push(scored(learner, reference))
    }
  }
  return { same, others: Float64Array.from(others) }
}

for (const text of new Set(all.map((each) => each.text))) {
  test(`“${text}” in any voice scores 50 or more, and nine in ten of other short sentences less than its worst`, () => {
    const { same, others } = scoresOf(text)
    const worst = Math.min(...same)
    assert.ok(worst >= 50, `worst ${worst}`)
    assert.ok(quantile(others, 0.9)! < worst, `nine in ten below ${quantile(others, 0.9)}, worst ${worst}`)
    assert.ok(quantile(others, 0.5)! < 35, `median ${quantile(others, 0.5)}`)
    assert.ok(Math.max(...others) < 80, `most ${Math.max(...others)}`)
  })
}

test('the same sentence in a voice of another range is not told that its rhythm is wrong', () => {
  const [model, learner] = ['en', 'en+f3'].map((voice) =>
    all.find((each) => each.text === 'Good morning everyone.' && each.voice === voice && each.tempo === '150'),
  )
  const comparison = compare(imitationOf(learner!.pitch), referenceOf(model!.pitch))
  assert.ok(comparison.score !== null && comparison.score > 80, `score ${comparison.score}`)
  assert.ok(comparison.components.timeWarping < 0.1, `time_warping ${comparison.components.timeWarping}`)
})
