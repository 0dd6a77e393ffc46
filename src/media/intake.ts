/** What every decoder's samples go through, block by block: peaks at the source's rate, one channel, a lower rate. */
import type { Recording } from '../analysis/analyse.ts'
import { createResampler } from '../analysis/resample.ts'
import { createPeakMeter } from '../analysis/true-peak.ts'
import type { DecodeOptions } from './decode-options.ts'
import { createFastResampler } from './fast-resample.ts'
import { mixDown } from './pcm.ts'

export interface IntakeFormat {
  readonly channels: number
  readonly sampleRateHz: number
  /** The least magnitude that counts as clipped. */
  readonly fullScale: number
  /** So many frames are likely to come; more are taken as well. */
  readonly expectedFrames: number
}

export interface Intake {
  /** Takes interleaved samples, full scale ±1; the array is overwritten. */
  push(interleaved: Float32Array, frames: number): void
  /** So far. */
  readonly frames: number
  /** All that was taken, as a mono sound of at most the highest rate wanted. */
  end(): Pick<Recording, 'sound' | 'clippingRatio' | 'truePeakDbtp'>
}

/** Memory: 4 bytes per sample at the lower rate, up to half as much again where more came than was expected. */
export function createIntake(
  format: IntakeFormat,
  options: Pick<DecodeOptions, 'highestRateHz' | 'createFft'>,
): Intake {
  const { channels, sampleRateHz, fullScale, expectedFrames } = format
  const rateHz = Math.min(sampleRateHz, options.highestRateHz)
  const peaks = createPeakMeter(channels, fullScale)
  const resampler = resamplerOf(sampleRateHz, rateHz, options)
  const store = createStore(Math.round((expectedFrames * rateHz) / sampleRateHz))
  return {
    push(interleaved, frames) {
      peaks.push(interleaved, frames)
      if (channels > 1) mixDown(interleaved, frames, channels, interleaved)
      const mono = interleaved.subarray(0, frames)
      store.append(resampler === undefined ? mono : resampler.push(mono))
    },
    get frames() {
      return peaks.frames
    },
    end() {
      if (resampler !== undefined) store.append(resampler.end())
      // Resampling rounds the number of samples, never the duration.
      const durationS = peaks.frames * (1 / sampleRateHz)
      return {
        sound: { samples: store.samples(), sampleRateHz: rateHz, firstSampleS: 0.5 / rateHz, durationS },
        clippingRatio: peaks.clippingRatio,
        truePeakDbtp: peaks.truePeakDbtp(),
      }
    },
  }
}

function resamplerOf(fromHz: number, toHz: number, { createFft }: Pick<DecodeOptions, 'createFft'>) {
  if (fromHz === toHz) return undefined
  return createFft === undefined ? createResampler(fromHz, toHz) : createFastResampler(fromHz, toHz, createFft)
}

const LEAST_ROOM = 1 << 16

function createStore(expected: number) {
  let room = new Float32Array(Math.max(expected, LEAST_ROOM))
  let length = 0
  return {
    append(block: Float32Array) {
      if (length + block.length > room.length) {
        const larger = new Float32Array(Math.ceil(1.5 * (length + block.length)))
        larger.set(room.subarray(0, length))
        room = larger
      }
      room.set(block, length)
      length += block.length
    },
    samples: () => room.subarray(0, length),
  }
}
