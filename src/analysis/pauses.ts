/** Where someone speaks and where not, as Praat's `Intensity: To TextGrid (silences): -25, 0.1, 0.1`. */
import type { IntensityTrack, Interval } from '../domain/result.ts'
import { NO_POWER_DB } from './intensity.ts'

/** Relative to the maximum of the curve. */
const SILENCE_THRESHOLD_DB = -25
const LEAST_SILENCE_S = 0.1
const LEAST_SOUNDING_S = 0.1

export interface Stretch extends Interval {
  readonly sounding: boolean
}

/**
 * Divides a recording into sounding and silent stretches, alternating, without gaps, from 0 to its end. A boundary
 * lies at the first frame of the new state. Sounding stretches that are too short are given up first, then silent
 * ones. Digital silence is one silent stretch.
 */
export function findStretches({ startS, stepS, valuesDb }: IntensityTrack, durationS: number): Stretch[] {
  const loudest = peakOf(valuesDb)
  if (loudest <= NO_POWER_DB) return [{ startS: 0, endS: durationS, sounding: false }]
  const threshold = loudest + SILENCE_THRESHOLD_DB
  const boundaries: Stretch[] = []
  let beginS = 0
  for (let i = 1; i <= valuesDb.length; i++) {
    const sounding = valuesDb[i - 1]! >= threshold
    if (i < valuesDb.length && valuesDb[i]! >= threshold === sounding) continue
    const endS = i < valuesDb.length ? startS + i * stepS : durationS
    boundaries.push({ startS: beginS, endS, sounding })
    beginS = endS
  }
  return withoutShort(withoutShort(boundaries, true, LEAST_SOUNDING_S), false, LEAST_SILENCE_S)
}

/** The top of a parabola through the highest value and its neighbours. */
function peakOf(values: Float64Array): number {
  let top = 0
  for (let i = 1; i < values.length; i++) if (values[i]! > values[top]!) top = i
  const here = values[top]!
  if (top === 0 || top === values.length - 1) return here
  const slope = 0.5 * (values[top + 1]! - values[top - 1]!)
  const bend = 2 * here - values[top - 1]! - values[top + 1]!
  return bend > 0 ? here + (0.5 * slope * slope) / bend : here
}

/** Gives stretches of one kind that are too short to their neighbours. */
function withoutShort(stretches: readonly Stretch[], sounding: boolean, leastS: number): Stretch[] {
  const kept: Stretch[] = []
  for (const stretch of stretches) {
    const short = stretch.sounding === sounding && stretch.endS - stretch.startS < leastS && stretches.length > 1
    const next = short ? { ...stretch, sounding: !sounding } : stretch
    const before = kept.at(-1)
    if (before?.sounding === next.sounding) kept[kept.length - 1] = { ...before, endS: next.endS }
    else kept.push(next)
  }
  return kept
}
