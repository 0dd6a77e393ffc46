/** A result as a TextGrid for Praat: what the learner says where, as the reference labels it, and where they are silent. */
import { findStretches } from './pauses.ts'
import type { FormatInputs } from './result-needs.ts'
import type { LabelledInterval, TextGrid, Tier } from './text-grid.ts'
import { formatTextGrid } from './text-grid-writer.ts'

type Grid = FormatInputs['textgrid']
type Comparison = NonNullable<Grid['comparison']>
type Compared = NonNullable<Comparison['intervals']>[number]

/** Intervals keep at least so much, however fast the learner speaks there: Praat takes none without a duration. */
const LEAST_INTERVAL_S = 0.001
/** What rounding may leave between two intervals that follow one another. */
const ROUNDING_S = 2e-6

/**
 * Every tier of the reference that has labels, in the learner's time: first those of intervals, then those of points.
 * Last a tier `silences` with `silent` and `sounding` as Praat's own command names them. Without a score nothing was
 * aligned: only that tier then.
 */
export function formatResultTextGrid({ duration_s: endS, comparison, intensity }: Grid): string {
  const tiers: TextGrid['tiers'] = [
    ...runsOf(comparison?.intervals ?? [], startOf).map(([name, members]) => intervalTier(name, members, endS)),
    ...runsOf(comparison?.points ?? [], ({ time_s }) => time_s).map(([name, members]) =>
      pointTier(name, members, endS),
    ),
    silencesOf(intensity ?? null, endS),
  ]
  return formatTextGrid({ startS: 0, endS, tiers })
}

/** Where it begins in the reference: there two never begin together, however the learner is mapped. */
function startOf(interval: Compared): number {
  return interval.reference_start_s ?? interval.start_s
}

/** Members of one tier after another. Time that goes back begins the next one too: two tiers may have the same name. */
function runsOf<T extends { readonly tier: string }>(members: readonly T[], timeOf: (member: T) => number) {
  const runs: [name: string, members: T[]][] = []
  let last = Number.NEGATIVE_INFINITY
  for (const member of members) {
    const run = runs.at(-1)
    const timeS = timeOf(member)
    if (run !== undefined && run[0] === member.tier && timeS >= last) run[1].push(member)
    else runs.push([member.tier, [member]])
    last = timeS
  }
  return runs
}

/** What lies between two labels, before the first and after the last is an interval without one. */
function intervalTier(name: string, members: readonly Compared[], endS: number): Tier {
  const labels: string[] = []
  const starts: number[] = []
  let reachedS = 0
  const begin = (label: string, timeS: number): void => {
    labels.push(label)
    starts.push(timeS)
  }
  for (const { label, start_s, end_s } of members) {
    if (start_s - reachedS > ROUNDING_S) begin('', reachedS)
    begin(label, Math.max(reachedS, start_s))
    reachedS = Math.max(reachedS, end_s)
  }
  if (endS - reachedS > ROUNDING_S) begin('', reachedS)
  const times = spread([0, ...starts.slice(1), endS], endS)
  const intervals: LabelledInterval[] = labels.map((label, i) => ({ startS: times[i]!, endS: times[i + 1]!, label }))
  return { kind: 'intervals', name, intervals }
}

/** Praat takes one point a moment. */
function pointTier(name: string, members: NonNullable<Comparison['points']>, endS: number): Tier {
  const times = spread(
    members.map(({ time_s }) => time_s),
    endS,
  )
  return { kind: 'points', name, points: members.map(({ label }, i) => ({ timeS: times[i]!, label })) }
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

function silencesOf(intensity: NonNullable<Grid['intensity']> | null, endS: number): Tier {
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
