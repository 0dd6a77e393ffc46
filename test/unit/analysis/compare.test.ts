import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import { analyse } from '../../../src/analysis/analyse.ts'
import { compare } from '../../../src/analysis/compare.ts'
import type { PitchContour } from '../../../src/analysis/pitch-file.ts'
import type { TextGrid } from '../../../src/analysis/text-grid.ts'
import { mapTime } from '../../../src/analysis/time-map.ts'
import type { Comparison } from '../../../src/domain/comparison.ts'
import { decodeFile } from '../../../src/media/decode.ts'
import { loadFft } from '../../../src/media/fft.ts'
import { contourOf, imitationOf, referenceOf, sentence, type Tune } from './contours.ts'

const SEEDS = [1, 2, 3, 4, 5, 6, 7, 8]

function compared(imitation: PitchContour, reference: PitchContour, textGrid: TextGrid | null = null) {
  const comparison = compare(imitationOf(imitation), referenceOf(reference, textGrid))
  assert.ok(comparison.score !== null, String(comparison.reason))
  return comparison
}

function of(seed: number, change: (semitones: number, timeS: number) => number = (value) => value, medianHz = 200) {
  const { durationS, tune } = sentence(seed)
  const changed: Tune = (timeS) => {
    const semitones = tune(timeS)
    return semitones === undefined ? undefined : change(semitones, timeS)
  }
  return contourOf(durationS, changed, medianHz)
}

/** As a learner might: another voice, a tempo that changes by a quarter either way, and a little off the notes. */
function imitated(seed: number) {
  const { durationS, tune } = sentence(seed)
  const warp = (timeS: number) => timeS + 0.048 * Math.sin((2 * Math.PI * timeS) / 1.2)
  const offNotes = (timeS: number) => 0.8 * Math.sin(7 * timeS + seed) + 0.4 * Math.sin(19 * timeS)
  const slow: Tune = (timeS) => {
    const semitones = tune(warp(timeS / 1.1))
    return semitones === undefined ? undefined : 0.85 * semitones + offNotes(timeS)
  }
  return { contour: contourOf(1.1 * durationS, slow, 110), warp: (timeS: number) => warp(timeS / 1.1) }
}

test('the same recording scores 100, in any voice and at any volume of silence around it', () => {
  for (const seed of SEEDS) {
    assert.equal(Math.round(compared(of(seed), of(seed)).score), 100)
    const deep = of(seed, undefined, 90)
    const padded = {
      ...deep,
      f0Hz: Float64Array.from([...new Array(300).fill(0), ...deep.f0Hz, ...new Array(200).fill(0)]),
    }
    assert.ok(compared(padded, of(seed)).score > 99)
  }
})

test('an imitation in another voice and an uneven tempo scores well', () => {
  for (const seed of SEEDS) {
    const { score, components } = compared(imitated(seed).contour, of(seed))
    assert.ok(score > 60, `seed ${seed}: ${score} ${JSON.stringify(components)}`)
  }
})

/** All are made to one plan of syllables and pauses, so these are the hard cases: 8 to 48 when the bounds were set. */
test('a different sentence does not score well, and never as well as an imitation', () => {
  const all = SEEDS.flatMap((seed) => {
    const imitation = compared(imitated(seed).contour, of(seed)).score
    const others = SEEDS.filter((each) => each !== seed).map((other) => compared(of(other), of(seed)).score)
    assert.ok(Math.max(...others) < Math.min(55, imitation - 15), `seed ${seed}: ${others}, imitation ${imitation}`)
    return others
  })
  assert.ok(all.reduce((sum, score) => sum + score, 0) / all.length < 30)
})

test('a monotone, a nearly monotone and an inverted imitation score low', () => {
  for (const seed of SEEDS) {
    const monotone = compared(
      of(seed, (_, timeS) => 0.2 * Math.sin(9 * timeS)),
      of(seed),
    )
    assert.ok(monotone.score < 10, `monotone ${seed}: ${monotone.score}`)
    assert.ok(
      compared(
        of(seed, () => 0),
        of(seed),
      ).score < 10,
      'exactly monotone',
    )
    const flat = compared(
      of(seed, (semitones) => 0.25 * semitones),
      of(seed),
    )
    assert.ok(flat.score < 45, `flat ${seed}: ${flat.score}`)
    const inverted = compared(
      of(seed, (semitones) => -semitones),
      of(seed),
    )
    assert.ok(inverted.score < 25, `inverted ${seed}: ${inverted.score}`)
  }
})

test('the better imitation of two always scores higher', () => {
  for (const seed of SEEDS) {
    const scores = [1, 0.8, 0.6, 0.4, 0.2].map(
      (share) =>
        compared(
          of(seed, (st) => share * st),
          of(seed),
        ).score,
    )
    assert.deepEqual(
      scores,
      scores.toSorted((a, b) => b - a),
    )
    const slower = [1, 1.3, 1.7, 2.2].map((factor) => {
      const { durationS, tune } = sentence(seed)
      return compared(
        contourOf(durationS * factor, (timeS) => tune(timeS / factor)),
        of(seed),
      ).score
    })
    assert.deepEqual(
      slower,
      slower.toSorted((a, b) => b - a),
    )
  }
})

test('a known change of tempo is found again, to 0.05 s in most places', () => {
  const errors = SEEDS.flatMap((seed) => {
    const { contour, warp } = imitated(seed)
    const { alignment } = compared(contour, of(seed))
    return alignment.map(([referenceS, learnerS]) => Math.abs(warp(learnerS) - referenceS))
  }).toSorted((a, b) => a - b)
  assert.ok(errors[Math.floor(0.5 * errors.length)]! < 0.02, `median ${errors[Math.floor(0.5 * errors.length)]}`)
  assert.ok(errors[Math.floor(0.9 * errors.length)]! < 0.05, `90 % ${errors[Math.floor(0.9 * errors.length)]}`)
})

test('an alignment runs forwards on both sides, within both recordings', () => {
  for (const [seed, other] of [
    [1, 2],
    [3, 3],
    [5, 8],
  ] as const) {
    const imitation = of(other)
    const { alignment } = compared(imitation, of(seed))
    assert.ok(alignment.length >= 2)
    alignment.forEach(([referenceS, learnerS], i) => {
      const [beforeS, learnerBeforeS] = alignment[i - 1] ?? [0, 0]
      assert.ok(referenceS >= beforeS && learnerS >= learnerBeforeS)
      assert.ok(learnerS <= imitation.f0Hz.length * 0.01 + 0.01)
    })
    assert.equal(mapTime(alignment, alignment[0]![0]), alignment[0]![1])
  }
})

test('what cannot be compared has a reason and no score', () => {
  const voice = of(1)
  const silent = { ...voice, f0Hz: new Float64Array(500) }
  const short = contourOf(0.29, () => 0)
  const long = contourOf(321, (timeS) => (timeS % 1 < 0.5 ? Math.sin(timeS) : undefined))
  const empty = { startS: 0, stepS: 0.01, f0Hz: new Float64Array(0) }
  const cases: [PitchContour, PitchContour | null, string][] = [
    [voice, null, 'no-reference-pitch'],
    [silent, voice, 'too-little-voice'],
    [voice, silent, 'too-little-voice'],
    [empty, voice, 'too-little-voice'],
    [short, voice, 'too-little-voice'],
    [voice, short, 'too-little-voice'],
    [long, voice, 'too-long'],
  ]
  for (const [learner, reference, reason] of cases) {
    assert.deepEqual(compare(imitationOf(learner), referenceOf(reference)), { score: null, reason })
  }
  assert.ok(
    compared(
      contourOf(0.31, () => 0),
      contourOf(0.31, () => 0),
    ).score > 99,
  )
})

test('a flat reference has no movement to correlate with: there the distance counts', () => {
  const level = contourOf(0.6, (timeS) => 0.1 * Math.sin(40 * timeS))
  const { score, components } = compared(
    contourOf(0.7, (timeS) => 0.1 * Math.cos(31 * timeS)),
    level,
  )
  assert.deepEqual([components.pitchCorrelation, components.rangeRatio], [null, null])
  assert.ok(score > 80, String(score))
  assert.ok(
    compared(
      contourOf(0.6, (timeS) => 12 * timeS),
      level,
    ).score < 45,
  )
})

test('6000 × 7200 frames take well under a second, and the longest pair little more', () => {
  const voice = (frames: number, rate: number) =>
    contourOf(frames / 100, (timeS) => (timeS % 0.3 < 0.22 ? 3 * Math.sin(rate * timeS) : undefined))
  const timed = (learner: PitchContour, reference: PitchContour) => {
    const startedMs = performance.now()
    const comparison: Comparison = compare(imitationOf(learner), referenceOf(reference))
    assert.notEqual(comparison.score, null)
    return performance.now() - startedMs
  }
  const [learner, reference] = [voice(7200, 2.1), voice(6000, 2)]
  const best = Math.min(timed(learner, reference), timed(learner, reference))
  assert.ok(best < 1000, `${best} ms`)
  assert.ok(timed(voice(31_900, 2.1), voice(31_000, 2)) < 3000)
})

test('recordings of different sentences score low against each other, and each 100 against itself', async () => {
  const createFft = await loadFft()
  const names = ['queue-en', 'number-fr', 'number-it']
  const analyses = await Promise.all(
    names.map(async (name) => {
      const path = join(import.meta.dirname, `../../../examples/recordings/${name}.wav`)
      return analyse(await decodeFile(path, { maxDurationS: 60, highestRateHz: 16_000 }), { createFft })
    }),
  )
  for (const [i, reference] of analyses.entries()) {
    for (const [k, learner] of analyses.entries()) {
      const { score } = compare(learner, referenceOf(reference.pitch))
      assert.ok(score !== null && (i === k ? score > 99.9 : score < 45), `${names[k]} for ${names[i]}: ${score}`)
    }
  }
})
