/** A result as a TextGrid for Praat: the reference's tiers in the learner's time, and where the learner is silent. */
import type { AlignedTimes } from '../domain/comparison.ts'
import type { Result } from '../domain/result.ts'
import { findStretches } from './pauses.ts'
import type { LabelledInterval, LabelledPoint, TextGrid, Tier } from './text-grid.ts'
import { formatTextGrid } from './text-grid-writer.ts'
import { mapTime } from './time-map.ts'

/** Intervals keep at least so much, however fast the learner speaks there: Praat takes none without a duration. */
const LEAST_INTERVAL_S = 0.001

/**
 * Every tier of the reference, its boundaries where they are in the learner's recording, then a tier `silences` with
 * `silent` and `sounding` as Praat's own command names them. Without a score nothing was aligned: only that tier then.
 *
 * @param reference the TextGrid that the result was compared with; null when there was none
 */
export function formatResultTextGrid(
  { duration_s: endS, comparison, intensity }: Pick<Result, 'duration_s' | 'comparison' | 'intensity'>,
  reference: TextGrid | null,
): string {
  const moments = comparison?.alignment ?? []
  const tiers =
    reference === null || moments.length === 0 ? [] : reference.tiers.map((tier) => mapTier(tier, moments, endS))
  return formatTextGrid({ startS: 0, endS, tiers: [...tiers, silencesOf(intensity, endS)] })
}

function mapTier(tier: Tier, moments: readonly AlignedTimes[], endS: number): Tier {
  if (tier.kind === 'points') return { ...tier, points: mapPoints(tier.points, moments, endS) }
  return { ...tier, intervals: mapIntervals(tier.intervals, moments, endS) }
}

/** The outermost boundaries are the recording's own ends. */
function mapIntervals(intervals: readonly LabelledInterval[], moments: readonly AlignedTimes[], endS: number) {
  const inner = intervals.slice(1).map(({ startS }) => mapTime(moments, startS))
  const times = spread([0, ...inner, endS], endS)
  return intervals.map(({ label }, i) => ({ startS: times[i]!, endS: times[i + 1]!, label }))
}

/** Praat takes one point a moment. */
function mapPoints(points: readonly LabelledPoint[], moments: readonly AlignedTimes[], endS: number): LabelledPoint[] {
  const times = spread(
    points.map(({ timeS }) => mapTime(moments, timeS)),
    endS,
  )
  return points.map(({ label }, i) => ({ timeS: times[i]!, label }))
}

/** Rising times from 0 to the end with some room between them, as near as may be to the ones given. */
function spread(times: readonly number[], endS: number): number[] {
  const roomS = Math.min(LEAST_INTERVAL_S, endS / (times.length + 1))
  const risen: number[] = []
  for (const timeS of times) risen.push(Math.max(timeS, (risen.at(-1) ?? -roomS) + roomS))
  for (let i = risen.length - 1, latestS = endS; i >= 0; i--, latestS -= roomS) {
    risen[i] = round(Math.min(risen[i]!, latestS))
    latestS = risen[i]!
  }
  return risen
}

function silencesOf(intensity: Result['intensity'], endS: number): Tier {
  const name = 'silences'
  if (intensity === null) return { kind: 'intervals', name, intervals: [] }
  const { start_s: startS, step_s: stepS, values_db: valuesDb } = intensity
  const stretches = findStretches({ startS, stepS, valuesDb: Float64Array.from(valuesDb) }, endS)
  const intervals = stretches.map((stretch) => ({
    startS: round(stretch.startS),
    endS: round(stretch.endS),
    label: stretch.sounding ? 'sounding' : 'silent',
  }))
  return { kind: 'intervals', name, intervals }
}

function round(timeS: number): number {
  return Math.round(timeS * 1e9) / 1e9
}
