/** The labelled points of a reference's TextGrid, in the learner's time. */
import type { AlignedTimes, ComparedPoint } from '../domain/comparison.ts'
import type { TextGrid } from './text-grid.ts'
import { mapTime } from './time-map.ts'

/** In the order of the tiers and of their points; those without a label are left out. */
export function mapPoints(
  { tiers }: TextGrid,
  alignment: readonly AlignedTimes[],
  durationS: number,
): readonly ComparedPoint[] {
  return tiers.flatMap((tier) => {
    if (tier.kind !== 'points') return []
    return tier.points
      .filter(({ label }) => label.trim() !== '')
      .map(({ timeS, label }) => ({
        tier: tier.name,
        label,
        referenceS: timeS,
        timeS: Math.max(0, Math.min(durationS, mapTime(alignment, timeS))),
      }))
  })
}
