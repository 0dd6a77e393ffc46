import type { CreateRealFft } from '../analysis/fft.ts'
import type { Checkpoint } from '../analysis/sound.ts'
import { AppError } from '../domain/errors.ts'

/** What every decoder is told. */
export interface DecodeOptions {
  /** Longer recordings are refused. */
  readonly maxDurationS: number
  /** Higher sample rates are brought down to this. */
  readonly highestRateHz: number
  /** Called with the share decoded, several times a second at least; throws to stop. */
  readonly checkpoint?: Checkpoint
  /** Makes the way down from a higher sample rate several times as fast. */
  readonly createFft?: CreateRealFft
}

/** The refusal that every decoder gives alike. */
export function tooLong(maxDurationS: number): AppError {
  const limit = maxDurationS >= 120 ? `${Math.floor(maxDurationS / 60)} minutes` : `${maxDurationS} seconds`
  return new AppError(
    'recording-too-long',
    `The recording is longer than ${limit}, which is the limit. Please send it in shorter parts.`,
  )
}
