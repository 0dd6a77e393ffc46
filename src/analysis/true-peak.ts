/**
 * Peaks of a recording at its own rate, channel by channel, as the samples pass: the true peak by ITU-R BS.1770-4,
 * annex 2 (the highest value between samples, at four times the rate), and the samples at full scale.
 */
import { besselI0 } from './intensity.ts'

export interface PeakMeter {
  /** Takes the next frames: `frames · channels` numbers, those of one frame side by side. */
  push(interleaved: Float32Array, frames: number): void
  /** Frames so far. */
  readonly frames: number
  /** Samples so far, of any channel, whose magnitude is at least the coding's full scale. */
  readonly clippedSamples: number
  /** Share of the samples so far at full scale, 0–1; 0 before the first. */
  readonly clippingRatio: number
  /** dB re full scale; null while nothing but zeros was heard. Counts all that was pushed, as if silence followed. */
  truePeakDbtp(): number | null
}

const OVERSAMPLING = 4
/** Samples to either side of a point between two. */
const REACH = 12
const TAPS = 2 * REACH
const KAISER_BETA = 6
/** Frames looked at together: where all around them is low, nothing between them can be a new peak. */
const CHUNK = 128

/** For the points at ¼ and ½ between two samples; ¾ is ¼ from the other side, the samples themselves are the fourth. */
const QUARTER = kernel(1 / OVERSAMPLING)
const HALF = kernel(2 / OVERSAMPLING)
/** No value between samples surpasses the largest sample its kernel reaches by more than this factor. */
const MOST_GAIN = gainOf(HALF)
/** Nor the straight line between its neighbours by more than this times the largest step from sample to sample. */
const MOST_BEND = Math.max(bendOf(QUARTER, 1 / OVERSAMPLING), bendOf(HALF, 2 / OVERSAMPLING))

/** @param fullScale the least magnitude that counts as clipped; codings that end below 1 have their own */
export function createPeakMeter(channels: number, fullScale = 0.999): PeakMeter {
  const lanes = Array.from({ length: channels }, () => createLane(fullScale))
  let frames = 0
  let peak = 0
  const clippedSamples = () => lanes.reduce((sum, lane) => sum + lane.clipped, 0)
  return {
    push(interleaved, count) {
      for (const [channel, lane] of lanes.entries()) peak = lane.push(interleaved, count, channel, channels, peak)
      frames += count
    },
    get frames() {
      return frames
    },
    get clippedSamples() {
      return clippedSamples()
    },
    get clippingRatio() {
      return frames === 0 ? 0 : clippedSamples() / (frames * channels)
    },
    truePeakDbtp() {
      const highest = lanes.reduce((most, lane) => lane.end(most), peak)
      return highest > 0 ? 20 * Math.log10(highest) : null
    },
  }
}

function countAtLeast(magnitude: number, samples: Float32Array): number {
  let count = 0
  for (const sample of samples) if (Math.abs(sample) >= magnitude) count++
  return count
}

/** Copies one channel's samples behind what is kept of it; answers their largest magnitude. */
function takeOut(
  interleaved: Float32Array,
  first: number,
  stride: number,
  count: number,
  target: Float32Array,
): number {
  let peak = 0
  for (let i = 0, at = first; i < count; i++, at += stride) {
    const sample = interleaved[at]!
    target[TAPS + i] = sample
    const magnitude = Math.abs(sample)
    if (magnitude > peak) peak = magnitude
  }
  return peak
}

/** One channel. It holds the last samples of the block before, since points between blocks need both. */
function createLane(fullScale: number) {
  const samples = new Float32Array(TAPS + CHUNK)
  let clipped = 0
  let previousPeak = 0

  /**
   * Looks at the gaps between the samples from `REACH` on; so many samples are new, at the end of `samples`. Speech
   * moves little from sample to sample: where it is low, or only as high as before, no gap needs its kernels.
   */
  function highestBetween(count: number, around: number, most: number): number {
    const bend = MOST_BEND * largestStep(samples, TAPS + count)
    if (around + bend <= most) return most
    let highest = most
    for (let start = 1; start <= count; start++) {
      const left = Math.abs(samples[start + REACH - 1]!)
      const right = Math.abs(samples[start + REACH]!)
      if (Math.max(left, right) + bend <= highest) continue
      let quarter = 0
      let half = 0
      let last = 0
      for (let i = 0; i < TAPS; i++) {
        const sample = samples[start + i]!
        quarter += sample * QUARTER[i]!
        half += sample * HALF[i]!
        last += sample * QUARTER[TAPS - 1 - i]!
      }
      highest = Math.max(highest, Math.abs(quarter), Math.abs(half), Math.abs(last))
    }
    return highest
  }
  function take(count: number, chunkPeak: number, most: number): number {
    const highest = Math.max(most, chunkPeak)
    // The kernels reach back into what came before, which is no longer than one chunk.
    const around = Math.max(previousPeak, chunkPeak)
    const answer = around * MOST_GAIN > highest ? highestBetween(count, around, highest) : highest
    previousPeak = count >= TAPS ? chunkPeak : around
    samples.copyWithin(0, count, TAPS + count)
    return answer
  }
  return {
    push(interleaved: Float32Array, frames: number, channel: number, channels: number, most: number): number {
      let highest = most
      for (let begin = 0; begin < frames; begin += CHUNK) {
        const count = Math.min(CHUNK, frames - begin)
        const chunkPeak = takeOut(interleaved, begin * channels + channel, channels, count, samples)
        if (chunkPeak >= fullScale) clipped += countAtLeast(fullScale, samples.subarray(TAPS, TAPS + count))
        highest = take(count, chunkPeak, highest)
      }
      return highest
    },
    get clipped() {
      return clipped
    },
    /** The highest value when silence follows; what was pushed stays as it is. */
    end(most: number): number {
      const kept = samples.slice(0, TAPS)
      samples.fill(0, TAPS, TAPS + REACH)
      const highest = highestBetween(REACH, Number.POSITIVE_INFINITY, most)
      samples.set(kept)
      return highest
    },
  }
}

/** From each of the first so many samples to its next. */
function largestStep(samples: Float32Array, count: number): number {
  let largest = 0
  for (let i = 1; i < count; i++) {
    const step = Math.abs(samples[i]! - samples[i - 1]!)
    if (step > largest) largest = step
  }
  return largest
}

function gainOf(weights: Float64Array): number {
  return weights.reduce((sum, weight) => sum + Math.abs(weight), 0)
}

/**
 * How far a kernel's answer can be from the straight line between the two middle samples, in largest steps: both are
 * sums whose weights are 1 in all, so their difference is one of steps, weighted by the running sums of the weights'.
 */
function bendOf(weights: Float64Array, fraction: number): number {
  let running = 0
  return weights.reduce((bend, weight, i) => {
    running += weight - (i === REACH - 1 ? 1 - fraction : i === REACH ? fraction : 0)
    return bend + Math.abs(running)
  }, 0)
}

/** A sinc under a Kaiser window: the weights of the samples around a point `fraction` after the middle left one. */
function kernel(fraction: number): Float64Array {
  const weights = Float64Array.from({ length: TAPS }, (_, i) => {
    const distance = i - REACH + 1 - fraction
    const angle = Math.PI * distance
    const x = distance / REACH
    return x * x < 1 ? (Math.sin(angle) / angle) * besselI0(KAISER_BETA * Math.sqrt(1 - x * x)) : 0
  })
  const sum = weights.reduce((total, weight) => total + weight, 0)
  return weights.map((weight) => weight / sum)
}
