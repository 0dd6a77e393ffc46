/**
 * How one F0 track differs from another, frame by frame, in the measures of the field (Chu & Alwan 2009): gross pitch
 * error (both voiced, off by more than 20 %), voicing decision error, and frame error: either of them.
 */
import { quantile } from '../../src/analysis/statistics.ts'

export interface PitchErrors {
  /** `trueHz` and `foundHz` of a frame; 0 where unvoiced. */
  add(trueHz: number, foundHz: number): void
  addAll(other: PitchErrors): void
  readonly frames: number
  readonly bothVoiced: number
  readonly gross: number
  readonly wrongVoicing: number
  /** Absolute differences of the frames that are not gross errors. */
  readonly cents: number[]
  readonly percent: { readonly gross: number; readonly voicing: number; readonly frame: number }
  readonly medianCents: number
  readonly meanCents: number
}

const GROSS_SHARE = 0.2

export function createPitchErrors(): PitchErrors {
  const cents: number[] = []
  let [frames, bothVoiced, gross, wrongVoicing] = [0, 0, 0, 0]
  return {
    add(trueHz, foundHz) {
      frames++
      if (trueHz > 0 !== foundHz > 0) wrongVoicing++
      else if (trueHz > 0) {
        bothVoiced++
        if (Math.abs(foundHz / trueHz - 1) > GROSS_SHARE) gross++
        else cents.push(Math.abs(1200 * Math.log2(foundHz / trueHz)))
      }
    },
    addAll(other) {
      frames += other.frames
      bothVoiced += other.bothVoiced
      gross += other.gross
      wrongVoicing += other.wrongVoicing
      for (const value of other.cents) cents.push(value)
    },
    get frames() {
      return frames
    },
    get bothVoiced() {
      return bothVoiced
    },
    get gross() {
      return gross
    },
    get wrongVoicing() {
      return wrongVoicing
    },
    cents,
    get percent() {
      return {
        gross: (100 * gross) / Math.max(1, bothVoiced),
        voicing: (100 * wrongVoicing) / Math.max(1, frames),
        frame: (100 * (gross + wrongVoicing)) / Math.max(1, frames),
      }
    },
    get medianCents() {
      return quantile(Float64Array.from(cents), 0.5) ?? 0
    },
    get meanCents() {
      return cents.reduce((sum, value) => sum + value, 0) / Math.max(1, cents.length)
    },
  }
}
