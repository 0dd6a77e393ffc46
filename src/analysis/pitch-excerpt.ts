/** A part of a contour, no finer than it is looked at. */
import type { ReferencePitch } from '../domain/comparison.ts'
import type { Interval } from '../domain/result.ts'
import type { PitchContour } from './pitch-file.ts'

/** The frames from one moment to another; of a finer grid as many are left out as leaves them at most `stepS` apart. */
export function excerpt(contour: PitchContour, { startS, endS }: Interval, stepS: number): ReferencePitch {
  const stride = Math.max(1, Math.floor(stepS / contour.stepS + 1e-6))
  const first = Math.max(0, Math.floor((startS - contour.startS) / contour.stepS))
  const last = Math.min(contour.f0Hz.length - 1, Math.ceil((endS - contour.startS) / contour.stepS))
  const f0Hz = contour.f0Hz.subarray(first, last + 1).filter((_, i) => i % stride === 0)
  return { startS: contour.startS + first * contour.stepS, stepS: stride * contour.stepS, f0Hz }
}
