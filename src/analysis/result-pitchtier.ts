/** A result's F0 as a PitchTier for Praat, as its own command `Down to PitchTier` makes one: a point a voiced frame. */
import type { FormatInputs } from './result-needs.ts'
import { formatPitchTier } from './text-grid-writer.ts'

export function formatResultPitchTier({ duration_s: endS, pitch }: FormatInputs['pitchtier']): string {
  const points = pitch.f0_hz.flatMap((f0Hz, i) => {
    const timeS = Math.round((pitch.start_s + i * pitch.step_s) * 1e9) / 1e9
    return f0Hz === null || f0Hz === 0 ? [] : [{ timeS, f0Hz }]
  })
  return formatPitchTier(endS, points)
}
