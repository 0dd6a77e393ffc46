/** The voiced part of a contour: where it is, and its melody relative to the speaker's own median. */
import type { Interval } from '../domain/result.ts'
import type { PitchContour } from './pitch-file.ts'
import { quantile } from './statistics.ts'

/** Shorter gaps do not end a stretch, and shorter stretches are none: single frames are errors of tracking. */
const LEAST_GAP_S = 0.025
const LEAST_STRETCH_S = 0.03

/** Stretches of voice in order. A frame's voice reaches half a step to either side of its time. */
export function voicedStretches({ startS, stepS, f0Hz }: PitchContour): Interval[] {
  const stretches: { startS: number; endS: number }[] = []
  for (let i = 0; i < f0Hz.length; i++) {
    if (!(f0Hz[i]! > 0)) continue
    const from = startS + (i - 0.5) * stepS
    const last = stretches.at(-1)
    if (last !== undefined && from - last.endS < LEAST_GAP_S) last.endS = from + stepS
    else stretches.push({ startS: from, endS: from + stepS })
  }
  return stretches.filter((stretch) => stretch.endS - stretch.startS >= LEAST_STRETCH_S)
}

/** A melody on a grid of its own: frame i covers `hopS` seconds from `startS + i · hopS`. */
export interface Melody {
  readonly startS: number
  readonly hopS: number
  /** Semitones above the median of the voiced frames; NaN where unvoiced. */
  readonly semitones: Float64Array
  readonly voicedFrames: number
  /** From the 5th to the 95th percentile, in semitones. */
  readonly range: number
}

/** The contour from one moment to another; each frame takes the value nearest to its middle. */
export function melodyOf(contour: PitchContour, { startS, endS }: Interval, hopS: number): Melody {
  const count = Math.max(1, Math.round((endS - startS) / hopS))
  const semitones = Float64Array.from({ length: count }, (_, i) => {
    const nearest = Math.round((startS + (i + 0.5) * hopS - contour.startS) / contour.stepS)
    const f0 = contour.f0Hz[nearest] ?? 0
    return f0 > 0 ? 12 * Math.log2(f0) : Number.NaN
  })
  const voiced = voicedOf(semitones)
  const median = quantile(voiced, 0.5) ?? 0
  return {
    startS,
    hopS,
    semitones: semitones.map((value) => value - median),
    voicedFrames: voiced.length,
    range: rangeOf(voiced),
  }
}

/** The mean and the range of the voiced frames from one moment to another; undefined when none is voiced there. */
export function describePart({ startS, hopS, semitones }: Melody, part: Interval) {
  const frameAt = (timeS: number) => Math.max(0, Math.round((timeS - startS) / hopS))
  const voiced = voicedOf(semitones.subarray(frameAt(part.startS), frameAt(part.endS)))
  if (voiced.length === 0) return undefined
  return { mean: voiced.reduce((sum, value) => sum + value, 0) / voiced.length, range: rangeOf(voiced) }
}

function voicedOf(semitones: Float64Array): Float64Array {
  return semitones.filter((value) => !Number.isNaN(value))
}

/** From the 5th to the 95th percentile. */
function rangeOf(voiced: Float64Array): number {
  return (quantile(voiced, 0.95) ?? 0) - (quantile(voiced, 0.05) ?? 0)
}
