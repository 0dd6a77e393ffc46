import type { Checkpoint } from '../analysis/sound.ts'

/** What every decoder is told. */
export interface DecodeOptions {
  /** Longer recordings are refused. */
  readonly maxDurationS: number
  /** Higher sample rates are brought down to this. */
  readonly highestRateHz: number
  /** Called with the share decoded; throws to stop. */
  readonly checkpoint?: Checkpoint
}
