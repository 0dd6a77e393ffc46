/** How an imitation compares with its reference: what the engine returns, and its wire shape. */

/** Why there is no score. */
export const COMPARISON_REASONS = {
  'no-reference': 'There is nothing to compare with: the token is unknown or has no reference material.',
  'no-reference-pitch': 'The reference has neither a recording nor a pitch track.',
  'reference-unusable': 'The reference material of the token cannot be read, or is gone.',
  'too-little-voice': 'The recording or the reference has less than 0.3 s of voice.',
  'too-long': 'The recording or the reference has more than 320 s from its first voice to its last.',
} as const
export type ComparisonReason = keyof typeof COMPARISON_REASONS

/** What the score is made of; docs/scoring.md has the formula. A part that says nothing here is null. */
export interface ComparisonComponents {
  /** Distance of the aligned melodies, each in semitones re its speaker's median. */
  readonly pitchRmseSemitones: number
  /** Of the aligned melodies, −1 to 1; null when the reference is flat. */
  readonly pitchCorrelation: number | null
  /** The learner's pitch range divided by the reference's; null when the reference is flat. */
  readonly rangeRatio: number | null
  /** Duration from the first voice to the last, the learner's divided by the reference's. */
  readonly timingRatio: number
  /** nPVI of the voiced stretches, learner minus reference; null with fewer than five of them on a side. */
  readonly npviDifference: number | null
  /** Share of aligned frames that are voiced on both sides or on neither, 0–1. */
  readonly voicingAgreement: number
  /** How far the alignment had to bend time: root mean square of the logarithm of local tempo; 0 for an even tempo. */
  readonly timeWarping: number
}

/** What the learner's voice does in an interval, compared with the reference's. */
export type Direction = 'higher' | 'lower' | 'flatter' | 'wider' | 'match'

export interface IntervalComparison {
  readonly tier: string
  readonly label: string
  readonly referenceStartS: number
  readonly referenceEndS: number
  /** Where it is in the learner's recording. */
  readonly startS: number
  readonly endS: number
  /**
   * 0–100. These three are null together: where fewer than three aligned frames are voiced on both sides, or one side
   * has no voice within the interval's bounds.
   */
  readonly score: number | null
  readonly pitchRmseSemitones: number | null
  readonly direction: Direction | null
  /** The learner's duration divided by the reference's. */
  readonly durationRatio: number
}

/** A labelled moment of a tier of points. */
export interface ComparedPoint {
  readonly tier: string
  readonly label: string
  readonly referenceS: number
  /** Where it is in the learner's recording. */
  readonly timeS: number
}

/** The melody that was imitated, from its first voice to its last; frame i is at `startS + i · stepS` of the reference. */
export interface ReferencePitch {
  readonly startS: number
  readonly stepS: number
  /** In Hz; 0 where unvoiced. */
  readonly f0Hz: Float64Array
}

/** A moment of the reference and the learner's that belongs to it; straight lines between them. */
export type AlignedTimes = readonly [referenceS: number, learnerS: number]

export type Comparison =
  | { readonly score: null; readonly reason: ComparisonReason }
  | {
      /** 0–100. */
      readonly score: number
      readonly reason: null
      readonly components: ComparisonComponents
      /** In order; neither time ever goes back. */
      readonly alignment: readonly AlignedTimes[]
      /** The labelled intervals of every tier of the reference's TextGrid. */
      readonly intervals: readonly IntervalComparison[]
      /** The labelled points of every tier of points. */
      readonly points: readonly ComparedPoint[]
      /** At most 16,000 frames. */
      readonly referencePitch: ReferencePitch
    }

const NOTHING_ALIGNED = { alignment: [], intervals: [], points: [], reference_pitch: null }

/** The `comparison` of a result (version 1). */
export function toWireComparison(tokenId: string | null, comparison: Comparison) {
  const { score, reason } = comparison
  if (score === null) return { token_id: tokenId, score, reason, components: null, ...NOTHING_ALIGNED }
  return {
    token_id: tokenId,
    score: Math.round(score),
    reason,
    components: toWireComponents(comparison.components),
    alignment: comparison.alignment.map(toWireTimes),
    intervals: comparison.intervals.map(toWireInterval),
    points: comparison.points.map(toWirePoint),
    reference_pitch: toWirePitch(comparison.referencePitch),
  }
}
export type WireComparison = ReturnType<typeof toWireComparison>

function toWireTimes([referenceS, learnerS]: AlignedTimes): [number, number] {
  return [round(referenceS, 3), round(learnerS, 3)]
}

function toWireComponents(components: ComparisonComponents) {
  return {
    pitch_rmse_semitones: round(components.pitchRmseSemitones, 3),
    pitch_correlation: roundOrNull(components.pitchCorrelation, 3),
    range_ratio: roundOrNull(components.rangeRatio, 3),
    timing_ratio: round(components.timingRatio, 3),
    npvi_difference: roundOrNull(components.npviDifference, 1),
    voicing_agreement: round(components.voicingAgreement, 3),
    time_warping: round(components.timeWarping, 3),
  }
}

function toWireInterval(interval: IntervalComparison) {
  return {
    tier: interval.tier,
    label: interval.label,
    reference_start_s: round(interval.referenceStartS, 6),
    reference_end_s: round(interval.referenceEndS, 6),
    start_s: round(interval.startS, 6),
    end_s: round(interval.endS, 6),
    score: roundOrNull(interval.score, 0),
    pitch_rmse_semitones: roundOrNull(interval.pitchRmseSemitones, 3),
    direction: interval.direction,
    duration_ratio: round(interval.durationRatio, 3),
  }
}

function toWirePoint({ tier, label, referenceS, timeS }: ComparedPoint) {
  return { tier, label, reference_s: round(referenceS, 6), time_s: round(timeS, 6) }
}

/** To 0.01 Hz, a fifth of a cent: it is drawn, not measured. */
function toWirePitch({ startS, stepS, f0Hz }: ReferencePitch) {
  return {
    start_s: round(startS, 6),
    step_s: round(stepS, 9),
    f0_hz: Array.from(f0Hz, (f0) => (f0 > 0 ? round(f0, 2) : null)),
  }
}

function roundOrNull(value: number | null, digits: number): number | null {
  return value === null ? null : round(value, digits)
}

function round(value: number, digits: number): number {
  const scale = 10 ** digits
  return Math.round(value * scale) / scale
}
