/**
 * One number for an imitation. docs/scoring.md explains the formula and where its parts come from; a test keeps the
 * constants there equal to these.
 */
import type { ComparisonComponents } from '../domain/comparison.ts'

export const SCORING = {
  /** A distance at which the melody's own part falls to 1/e. */
  rmseSemitones: 2,
  /** As the first, of an interval: in so short a time a little is soon a lot. */
  intervalRmseSemitones: 3,
  /** The melody's two parts: how near it is, and whether it moves alike. */
  distanceShare: 0.4,
  correlationShare: 0.6,
  /** Where the parts about time fall to 1/e. */
  timeWarping: 0.35,
  timingLog: 0.7,
  npviDifference: 120,
  /** Alignments agree about voicing in most frames of any two sentences: what is missing counts so many times. */
  voicingPower: 3,
} as const

/** 0–100: the product of five parts of 0–1, so that nothing makes good for a part that is missing altogether. */
export function scoreOf(components: ComparisonComponents): number {
  const { timingRatio, npviDifference, timeWarping, voicingAgreement } = components
  const time =
    evennessOf(timeWarping) *
    bell(Math.log(timingRatio) / SCORING.timingLog) *
    bell((npviDifference ?? 0) / SCORING.npviDifference)
  return 100 * melodyOf(components) * time * voicingAgreement ** SCORING.voicingPower
}

/** 0–100, of an interval: its distance, and its duration relative to the learner's own tempo. */
export function scoreOfInterval(rmseSemitones: number, durationRatio: number, timingRatio: number): number {
  const duration = bell(Math.log(Math.max(0.01, durationRatio / timingRatio)) / SCORING.timingLog)
  return 100 * Math.exp(-rmseSemitones / SCORING.intervalRmseSemitones) * duration
}

/** 1 where time runs evenly against the reference's, 0 where the alignment had to bend it beyond all tempo. */
export function evennessOf(timeWarping: number): number {
  return bell(timeWarping / SCORING.timeWarping)
}

/** A flat reference has no movement to follow: there the distance alone counts. */
function melodyOf({ pitchRmseSemitones, pitchCorrelation, rangeRatio }: ComparisonComponents): number {
  const near = nearness(pitchRmseSemitones)
  if (pitchCorrelation === null || rangeRatio === null) return near
  const alike = Math.max(0, pitchCorrelation)
  return (SCORING.distanceShare * near + SCORING.correlationShare * alike) * rangeMatch(rangeRatio)
}

function nearness(rmseSemitones: number): number {
  return Math.exp(-rmseSemitones / SCORING.rmseSemitones)
}

/** The scale part of the concordance correlation (Lin 1989, Biometrics 45: 255–268): 1 for equal ranges, 0 for none. */
function rangeMatch(ratio: number): number {
  return ratio > 0 ? 2 / (ratio + 1 / ratio) : 0
}

function bell(value: number): number {
  return Math.exp(-value * value)
}
