/** Two aligned melodies side by side: for each frame of the reference, what the learner's voice does there. */
import type { Alignment } from './align.ts'
import type { Melody } from './voiced-speech.ts'

export interface MelodyPairs {
  /** Semitones, one per frame of the reference; NaN where unvoiced. */
  readonly reference: Float64Array
  /** The mean of the learner's voiced frames that belong to it; NaN where none is voiced. */
  readonly learner: Float64Array
  /** Place in the learner's frames, counted in frames; never decreasing. */
  readonly place: Float64Array
  /** Share of pairs of frames that agree about voicing, 0–1. */
  readonly voicingAgreement: number
}

export function pairMelodies(reference: Melody, learner: Melody, { first, last }: Alignment): MelodyPairs {
  const frames = reference.semitones.length
  const means = new Float64Array(frames)
  const place = new Float64Array(frames)
  let cells = 0
  let agreeing = 0
  for (let i = 0; i < frames; i++) {
    const voiced = !Number.isNaN(reference.semitones[i]!)
    let sum = 0
    let count = 0
    for (let j = first[i]!; j <= last[i]!; j++) {
      const value = learner.semitones[j]!
      cells++
      if (!Number.isNaN(value) === voiced) agreeing++
      if (Number.isNaN(value)) continue
      sum += value
      count++
    }
    means[i] = count === 0 ? Number.NaN : sum / count
    place[i] = (first[i]! + last[i]!) / 2
  }
  return { reference: reference.semitones, learner: means, place, voicingAgreement: agreeing / cells }
}

export interface PairStatistics {
  /** Frames that are voiced on both sides; the rest is NaN when there are none. */
  readonly count: number
  readonly rmse: number
  /** Pearson's; NaN when one side does not move at all. */
  readonly correlation: number
}

/** Of the frames from `from` up to, not including, `to`. */
export function describePairs(pairs: MelodyPairs, from = 0, to = pairs.reference.length): PairStatistics {
  const [x, y] = voicedOnBothSides(pairs, from, to)
  const [meanX, meanY] = [meanOf(x), meanOf(y)]
  let [xx, yy, xy, squares] = [0, 0, 0, 0]
  for (let i = 0; i < x.length; i++) {
    xx += (x[i]! - meanX) ** 2
    yy += (y[i]! - meanY) ** 2
    xy += (x[i]! - meanX) * (y[i]! - meanY)
    squares += (y[i]! - x[i]!) ** 2
  }
  return {
    count: x.length,
    rmse: Math.sqrt(squares / x.length),
    correlation: xy / Math.sqrt(xx * yy),
  }
}

function voicedOnBothSides({ reference, learner }: MelodyPairs, from: number, to: number) {
  const both = (_: number, i: number) => !Number.isNaN(reference[from + i]!) && !Number.isNaN(learner[from + i]!)
  return [reference.subarray(from, to).filter(both), learner.subarray(from, to).filter(both)] as const
}

function meanOf(values: Float64Array): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length
}
