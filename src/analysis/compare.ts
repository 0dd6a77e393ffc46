/**
 * An imitation against its reference: both melodies in semitones re their speaker's median, aligned in time, then
 * measured. Pure and bounded: at most 8000 × 8000 frames, in a band. docs/scoring.md has the whole story.
 */
import type { AlignedTimes, Comparison, ComparisonComponents } from '../domain/comparison.ts'
import type { Interval } from '../domain/result.ts'
import { align } from './align.ts'
import { compareIntervals } from './compare-intervals.ts'
import { mapPoints } from './map-points.ts'
import { describePairs, type MelodyPairs, pairMelodies } from './melody-pairs.ts'
import { npvi } from './npvi.ts'
import { excerpt } from './pitch-excerpt.ts'
import type { PitchContour } from './pitch-file.ts'
import type { Reference } from './reference.ts'
import { scoreOf } from './score.ts'
import { simplify } from './time-map.ts'
import { type Melody, melodyOf, voicedStretches } from './voiced-speech.ts'

/** What of an `Analysis` is needed. */
export interface Imitation {
  readonly durationS: number
  readonly pitch: PitchContour
}

const LEAST_VOICED_FRAMES = 30
/** The first at which both sides have few enough frames. */
const HOPS_S = [0.01, 0.02, 0.04]
const MOST_FRAMES = 8000
/** Our choice: a narrower range is the unsteadiness of a held tone, and correlates with nothing. */
const FLAT_SEMITONES = 1
/** Our choice: beyond, little but the unsteadiness of a voice is left to be widened. */
const MOST_WIDENING = 4
/** The index of fewer says more about one long vowel than about rhythm. */
const LEAST_STRETCHES = 5
const WARPING_WINDOW_S = 0.4
const SMOOTHING_S = 0.12
/** Of local tempo; the band allows for more, but what is beyond is no tempo any more. */
const FASTEST = 4

/** Never throws for what the recordings hold: what cannot be compared has a reason instead of a score. */
export function compare(learner: Imitation, reference: Reference): Comparison {
  if (reference.pitch === null) return { score: null, reason: 'no-reference-pitch' }
  const ours = voicedStretches(reference.pitch)
  const theirs = voicedStretches(learner.pitch)
  const spans = [spanOf(ours), spanOf(theirs)] as const
  const hopS = HOPS_S.find((each) => spans.every((span) => lengthOf(span) / each <= MOST_FRAMES))
  if (hopS === undefined) return { score: null, reason: 'too-long' }
  const model = melodyOf(reference.pitch, spans[0], hopS)
  const melody = melodyOf(learner.pitch, spans[1], hopS)
  if ([model, melody].some(({ voicedFrames }) => voicedFrames * hopS < LEAST_VOICED_FRAMES * HOPS_S[0]!)) {
    return { score: null, reason: 'too-little-voice' }
  }
  const pairs = pairMelodies(model, melody, align(model.semitones, widened(melody, model)))
  const timingRatio = lengthOf(spans[1]) / lengthOf(spans[0])
  const components = componentsOf(pairs, model, melody, timingRatio, npviDifference(ours, theirs))
  const alignment = simplify(momentsOf(pairs, model, melody, spans), hopS)
  const { textGrid } = reference
  const intervals =
    textGrid === null
      ? []
      : compareIntervals(textGrid, pairs, model, alignment, {
          durationS: learner.durationS,
          melody,
          timingRatio,
        })
  const points = textGrid === null ? [] : mapPoints(textGrid, alignment, learner.durationS)
  const referencePitch = excerpt(reference.pitch, spans[0], hopS)
  return { score: scoreOf(components), reason: null, components, alignment, intervals, points, referencePitch }
}

/**
 * The learner's melody with the reference's range, for the alignment alone: time is not to be bent to make good for a
 * melody that is too wide or too narrow, because the range's own part of the score sees that already.
 */
function widened({ semitones, range }: Melody, model: Melody): Float64Array {
  const factor = Math.max(FLAT_SEMITONES, model.range) / Math.max(FLAT_SEMITONES, range)
  const bounded = Math.max(1 / MOST_WIDENING, Math.min(MOST_WIDENING, factor))
  return semitones.map((value) => value * bounded)
}

function componentsOf(
  pairs: MelodyPairs,
  model: Melody,
  melody: Melody,
  timingRatio: number,
  npviDifference: number | null,
): ComparisonComponents {
  const { rmse, correlation } = describePairs(pairs)
  const flat = model.range < FLAT_SEMITONES
  return {
    pitchRmseSemitones: Number.isNaN(rmse) ? model.range + melody.range : rmse,
    // A learner who does not move at all follows nothing.
    pitchCorrelation: flat ? null : Number.isNaN(correlation) ? 0 : correlation,
    rangeRatio: flat ? null : melody.range / model.range,
    timingRatio,
    npviDifference,
    voicingAgreement: pairs.voicingAgreement,
    timeWarping: timeWarping(pairs.place, model.hopS),
  }
}

/** Voiced stretches as the units of rhythm (Dellwo, Fourcin & Abberton 2007, Proc. ICPhS XVI). */
function npviDifference(ours: readonly Interval[], theirs: readonly Interval[]): number | null {
  if (Math.min(ours.length, theirs.length) < LEAST_STRETCHES) return null
  return npvi(theirs.map(lengthOf))! - npvi(ours.map(lengthOf))!
}

/** Root mean square of the logarithm of local tempo, over windows, relative to the tempo of the whole. */
function timeWarping(place: Float64Array, hopS: number): number {
  const window = Math.max(1, Math.min(Math.round(WARPING_WINDOW_S / hopS), place.length >> 1))
  const tempo = (place.at(-1)! - place[0]!) / (place.length - 1)
  let squares = 0
  for (let i = window; i < place.length; i++) {
    const local = (place[i]! - place[i - window]!) / window / tempo
    squares += Math.log(Math.min(FASTEST, Math.max(1 / FASTEST, local))) ** 2
  }
  return Math.sqrt(squares / (place.length - window))
}

/**
 * The path in seconds, from end to end. It is smoothed: steps along one side only, that pitch makes within a vowel, are
 * no change of tempo (known warps are then recovered to 21 ms at 9 of 10 moments, to 32 ms without).
 */
function momentsOf(pairs: MelodyPairs, model: Melody, melody: Melody, spans: readonly [Interval, Interval]) {
  const place = smooth(pairs.place, Math.round(SMOOTHING_S / model.hopS))
  const moments: AlignedTimes[] = [[spans[0].startS, spans[1].startS]]
  place.forEach((frame, i) => {
    moments.push([model.startS + (i + 0.5) * model.hopS, melody.startS + (frame + 0.5) * melody.hopS])
  })
  moments.push([Math.max(moments.at(-1)![0], spans[0].endS), Math.max(moments.at(-1)![1], spans[1].endS)])
  return moments
}

/** The mean of as many frames to either side, fewer at the ends; what never decreases still does not. */
function smooth(values: Float64Array, reach: number): Float64Array {
  const sums = new Float64Array(values.length + 1)
  for (let i = 0; i < values.length; i++) sums[i + 1] = sums[i]! + values[i]!
  return values.map((_, i) => {
    const near = Math.min(reach, i, values.length - 1 - i)
    return (sums[i + near + 1]! - sums[i - near]!) / (2 * near + 1)
  })
}

function spanOf(stretches: readonly Interval[]): Interval {
  return { startS: stretches[0]?.startS ?? 0, endS: stretches.at(-1)?.endS ?? 0 }
}

function lengthOf({ startS, endS }: Interval): number {
  return endS - startS
}
