/** A mono recording on a regular time grid, and where analysis frames lie in it. */

/** Sample `i` is at `firstSampleS + i / sampleRateHz`; the recording itself lasts from 0 to `durationS`. */
export interface Sound {
  /** Full scale is ±1. */
  readonly samples: Float32Array
  readonly sampleRateHz: number
  readonly firstSampleS: number
  /** Of the source: resampling rounds the number of samples, never the duration. */
  readonly durationS: number
}

/** A sound whose samples are those of the source: each in the middle of its own sampling period. */
export function createSound(samples: Float32Array, sampleRateHz: number): Sound {
  const periodS = 1 / sampleRateHz
  return { samples, sampleRateHz, firstSampleS: 0.5 * periodS, durationS: samples.length * periodS }
}

export interface FrameGrid {
  readonly count: number
  /** Time of the first frame's centre in seconds; 0 when there is no frame. */
  readonly startS: number
  readonly stepS: number
}

/**
 * As many frames as fit, centred in the recording (the convention of Praat's manual, "Intro 4.2" and "Sound: To
 * Pitch (raw ac)"); none when the recording is shorter than one window.
 */
export function frameGrid(durationS: number, windowS: number, stepS: number): FrameGrid {
  if (!(durationS >= windowS)) return { count: 0, startS: 0, stepS }
  const count = Math.floor((durationS - windowS) / stepS) + 1
  return { count, startS: 0.5 * durationS - 0.5 * count * stepS + 0.5 * stepS, stepS }
}

/** What long computations report to: the share done, 0–1. It may throw to stop them. */
export type Checkpoint = (share: number) => void
