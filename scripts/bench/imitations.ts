/** Imitations by known changes of a contour: what the score is to make of them is known as well. */
import type { PitchContour } from '../../src/analysis/pitch-file.ts'
import type { Random } from './random.ts'

/** A learner of another voice, who speaks this much slower. */
const OTHER_VOICE = 0.55
const SLOWER = 1.1
/** Of the tempo's swings. */
const PERIOD_S = 1.2
const UNEVENNESS = 0.25
const RANGE = 0.85

/**
 * As a learner might: another voice, slower, a tempo that swings by a quarter either way, a range of 0.85, and about a
 * semitone off the melody (root mean square).
 *
 * @param size of the unevenness and of the distance from the melody: 1 as said above
 */
export function imitate(model: PitchContour, random: Random, size = 1): PitchContour {
  const phases = [0, 0, 0].map(() => 2 * Math.PI * random.next())
  const swing = (timeS: number) => Math.sin((2 * Math.PI * timeS) / PERIOD_S + phases[0]!)
  const depthS = (size * UNEVENNESS * PERIOD_S) / (2 * Math.PI)
  const off = (timeS: number) => 1.2 * Math.sin(7 * timeS + phases[1]!) + 0.7 * Math.sin(19 * timeS + phases[2]!)
  const frames = Math.round(model.f0Hz.length * SLOWER)
  const warped = Float64Array.from({ length: frames }, (_, i) => {
    const timeS = (i * model.stepS) / SLOWER
    return model.f0Hz[Math.round((timeS + depthS * swing(timeS)) / model.stepS)] ?? 0
  })
  return changed({ ...model, f0Hz: warped }, (semitones, timeS) => RANGE * semitones + size * off(timeS), OTHER_VOICE)
}

/** The melody with another range: 0 is a monotone (but for the unsteadiness of a voice), −1 the melody inverted. */
export function withRange(model: PitchContour, factor: number): PitchContour {
  return changed(model, (semitones, timeS) => factor * semitones + 0.1 * Math.sin(9 * timeS))
}

function changed(
  contour: PitchContour,
  change: (semitones: number, timeS: number) => number,
  transposed = 1,
): PitchContour {
  const voiced = contour.f0Hz.filter((f0) => f0 > 0).toSorted()
  const medianHz = voiced[voiced.length >> 1] ?? 1
  const f0Hz = contour.f0Hz.map((f0, i) => {
    if (!(f0 > 0)) return 0
    return transposed * medianHz * 2 ** (change(12 * Math.log2(f0 / medianHz), i * contour.stepS) / 12)
  })
  return { ...contour, f0Hz }
}
