/** The labelled intervals of a reference's TextGrid, each compared with what the learner says there. */
import type { AlignedTimes, Direction, IntervalComparison } from '../domain/comparison.ts'
import type { Interval } from '../domain/result.ts'
import { describePairs, type MelodyPairs } from './melody-pairs.ts'
import { scoreOfInterval } from './score.ts'
import type { LabelledInterval, TextGrid } from './text-grid.ts'
import { mapTime } from './time-map.ts'
import { describePart, type Melody } from './voiced-speech.ts'

const LEAST_FRAMES = 3
/** Our choice: less is seldom worth a learner's attention. */
const NOTABLE_SEMITONES = 1.5

interface Learner {
  readonly durationS: number
  readonly melody: Melody
  /** Of the whole recording: an interval's tempo is judged relative to it. */
  readonly timingRatio: number
}

/** In the order of the tiers and of their intervals; those without a label are left out. */
export function compareIntervals(
  { tiers }: TextGrid,
  pairs: MelodyPairs,
  model: Melody,
  alignment: readonly AlignedTimes[],
  learner: Learner,
): IntervalComparison[] {
  return tiers.flatMap((tier) => {
    if (tier.kind !== 'intervals') return []
    return tier.intervals
      .filter(({ label }) => label.trim() !== '')
      .map((interval) => ({
        tier: tier.name,
        label: interval.label,
        referenceStartS: interval.startS,
        referenceEndS: interval.endS,
        ...compareInterval(interval, pairs, model, alignment, learner),
      }))
  })
}

function compareInterval(
  interval: LabelledInterval,
  pairs: MelodyPairs,
  model: Melody,
  alignment: readonly AlignedTimes[],
  { durationS, melody, timingRatio }: Learner,
) {
  const within = (timeS: number) => Math.max(0, Math.min(durationS, timeS))
  const startS = within(mapTime(alignment, interval.startS))
  const endS = within(mapTime(alignment, interval.endS))
  const durationRatio = (endS - startS) / (interval.endS - interval.startS)
  const frameAt = (timeS: number) => Math.max(0, Math.round((timeS - model.startS) / model.hopS))
  const statistics = describePairs(pairs, frameAt(interval.startS), frameAt(interval.endS))
  const direction = directionOf(model, interval, melody, { startS, endS })
  if (statistics.count * model.hopS < LEAST_FRAMES * 0.01 || direction === null) {
    return { startS, endS, score: null, pitchRmseSemitones: null, direction: null, durationRatio }
  }
  const { rmse } = statistics
  const score = scoreOfInterval(rmse, durationRatio, timingRatio)
  return {
    startS,
    endS,
    score,
    pitchRmseSemitones: rmse,
    direction,
    durationRatio,
  }
}

/**
 * Whichever deviates more, level or range, if it can be heard. Half a range is as far as one end of it moves. Each side's
 * own frames count, not the aligned ones: an alignment gathers what is too high or too low in a few frames.
 */
function directionOf(model: Melody, part: Interval, melody: Melody, learnerPart: Interval): Direction | null {
  const [ours, theirs] = [describePart(model, part), describePart(melody, learnerPart)]
  if (ours === undefined || theirs === undefined) return null
  const level = theirs.mean - ours.mean
  const spread = (theirs.range - ours.range) / 2
  if (Math.max(Math.abs(level), Math.abs(spread)) < NOTABLE_SEMITONES) return 'match'
  if (Math.abs(level) >= Math.abs(spread)) return level > 0 ? 'higher' : 'lower'
  return spread > 0 ? 'wider' : 'flatter'
}
