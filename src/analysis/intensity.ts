/** Intensity as Praat's `To Intensity: 100, 0, "yes"`: a smoothed power in dB, without the local mean. */
import type { IntensityTrack } from '../domain/result.ts'
import { type Checkpoint, frameGrid, type Sound } from './sound.ts'

/** The lowest periodicity whose ripple does not show. */
const MINIMUM_PITCH_HZ = 100
const WINDOW_S = 6.4 / MINIMUM_PITCH_HZ
const STEP_S = 0.8 / MINIMUM_PITCH_HZ
/** Of (2e-5 Pa)², the threshold of hearing; a sample of 1 counts as 1 Pa, so full scale is about 94 dB. */
const REFERENCE_POWER = 4e-10
/** What is said of no power at all. */
export const NO_POWER_DB = -300

const FRAMES_PER_CHECKPOINT = 1024

/**
 * Mean square under a Kaiser-20 window of 64 ms (of which about half counts), every 8 ms.
 *
 * @returns null when the recording is shorter than one window
 */
export function trackIntensity(sound: Sound, checkpoint: Checkpoint = () => {}): IntensityTrack | null {
  const { samples, sampleRateHz, firstSampleS } = sound
  const grid = frameGrid(sound.durationS, WINDOW_S, STEP_S)
  if (grid.count === 0) return null
  const periodS = 1 / sampleRateHz
  const reach = Math.floor(WINDOW_S / 2 / periodS)
  const window = kaiser20(reach, periodS)
  const valuesDb = new Float64Array(grid.count)
  for (let i = 0; i < grid.count; i++) {
    if (i % FRAMES_PER_CHECKPOINT === 0) checkpoint(i / grid.count)
    const middle = Math.floor((grid.startS + i * grid.stepS - firstSampleS) / periodS + 1.5) - 1
    valuesDb[i] = toDb(weightedPower(samples, middle, reach, window))
  }
  return { startS: grid.startS, stepS: grid.stepS, valuesDb }
}

/** The middle and the right half of a Kaiser window with β = 2π² + ½: side lobes below −190 dB. */
function kaiser20(reach: number, periodS: number): Float64Array {
  return Float64Array.from({ length: reach + 1 }, (_, n) => {
    const x = (n * periodS) / (WINDOW_S / 2)
    // At the very edge the weight is 1, not 0: in digital silence around a click that shows.
    return besselI0((2 * Math.PI ** 2 + 0.5) * Math.sqrt(Math.max(0, 1 - x * x)))
  })
}

function weightedPower(samples: Float32Array, middle: number, reach: number, window: Float64Array): number {
  const first = Math.max(0, middle - reach)
  const last = Math.min(samples.length - 1, middle + reach)
  if (last < first) return 0
  let sum = 0
  for (let i = first; i <= last; i++) sum += samples[i]!
  const mean = sum / (last - first + 1)
  let power = 0
  let weights = 0
  for (let i = first; i <= last; i++) {
    const weight = window[Math.abs(i - middle)]!
    const value = samples[i]! - mean
    power += value * value * weight
    weights += weight
  }
  return weights > 0 ? power / weights : 0
}

function toDb(power: number): number {
  const ratio = power / REFERENCE_POWER
  return ratio > 1e-30 ? 10 * Math.log10(ratio) : NO_POWER_DB
}

/** The modified Bessel function of the first kind and order 0, by its power series. */
export function besselI0(x: number): number {
  const quarter = (x * x) / 4
  let term = 1
  let sum = 1
  for (let k = 1; term > 1e-17 * sum; k++) {
    term *= quarter / (k * k)
    sum += term
  }
  return sum
}
