/** A result's F0 as a PitchTier for Praat, as its own command `Down to PitchTier` makes one: a point a voiced frame. */
import type { Result } from '../domain/result.ts'
import { formatPitchTier } from './text-grid-writer.ts'

export function formatResultPitchTier({ duration_s: endS, pitch }: Pick<Result, 'duration_s' | 'pitch'>): string {
  const points = pitch.f0_hz.flatMap((f0Hz, i) => {
    const timeS = Math.round((pitch.start_s + i * pitch.step_s) * 1e9) / 1e9
    return f0Hz === null ? [] : [{ timeS, f0Hz }]
  })
  return formatPitchTier(endS, points)
}
