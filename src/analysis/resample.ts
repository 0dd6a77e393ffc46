/**
 * Sample-rate conversion by windowed sinc interpolation (Smith & Gossett 1984, "A flexible sampling-rate conversion
 * method"), block by block: whatever the recording's length, only a few thousand samples are held besides the output.
 */
import { besselI0 } from './intensity.ts'
import type { Sound } from './sound.ts'

/** Zero crossings of the sinc to either side; with this β aliases and images are below −70 dB. */
const ZERO_CROSSINGS = 16
const KAISER_BETA = 7
/** The filter's −6 dB point as a share of the new Nyquist frequency: 7.2 kHz at 16 kHz, flat up to 6.2 kHz. */
const CUTOFF = 0.9
/** More different phases than this (rates without a common divisor, such as 44 101) are interpolated. */
const MOST_PHASES = 1024
/** Samples of a whole sound that are taken at once. */
const BLOCK = 1 << 16

export interface Resampler {
  /** Takes the next samples, and answers what can be said of the output by now. */
  push(block: Float32Array): Float32Array
  /** The rest: in all `round(samples · toHz / fromHz)` samples. */
  end(): Float32Array
}

/**
 * Output sample `i` is at `(i + ½) / toHz`, as input sample `i` is at `(i + ½) / fromHz`: both cover the same time.
 * Before its beginning and after its end the input counts as silent.
 */
export function createResampler(fromHz: number, toHz: number): Resampler {
  const divisor = greatestCommonDivisor(fromHz, toHz)
  const up = toHz / divisor
  const down = fromHz / divisor
  const kernels = createKernels(up, down)
  const reach = kernels.reach
  const tail = createTail(reach)
  let received = 0
  let produced = 0

  /** Twice the position of an output sample in input samples, times `up`: always a whole number. */
  const positionOf = (index: number) => (2 * index + 1) * down - up
  function produce(until: number): Float32Array {
    const output = new Float32Array(Math.max(0, until - produced))
    for (let i = 0; i < output.length; i++, produced++) {
      const position = positionOf(produced)
      const left = Math.floor(position / (2 * up))
      // The position may pass 2³¹, the start never does: as an integer it makes the loop over the weights fast.
      const start = (left - reach + 1 - tail.first()) | 0
      output[i] = kernels.apply(tail.samples, start, position - left * 2 * up)
    }
    tail.forget(Math.floor(positionOf(produced) / (2 * up)) - reach + 1)
    return output
  }
  return {
    push(block) {
      tail.append(block)
      received += block.length
      // The last output whose right-most input is here.
      const last = Math.floor((2 * up * (received - reach - 1) + up) / down / 2 - 0.5)
      return produce(Math.max(produced, last + 1))
    },
    end() {
      tail.append(new Float32Array(2 * reach + down))
      return produce(Math.round((received * toHz) / fromHz))
    },
  }
}

/** A sound at another rate; itself when it has that rate already. */
export function resample(sound: Sound, toHz: number): Sound {
  const { samples, sampleRateHz } = sound
  if (sampleRateHz === toHz) return sound
  const resampler = createResampler(sampleRateHz, toHz)
  const resampled = new Float32Array(Math.round((samples.length * toHz) / sampleRateHz))
  let filled = 0
  for (let begin = 0; begin < samples.length; begin += BLOCK) {
    const part = resampler.push(samples.subarray(begin, begin + BLOCK))
    resampled.set(part, filled)
    filled += part.length
  }
  resampled.set(resampler.end(), filled)
  return { ...sound, samples: resampled, sampleRateHz: toHz, firstSampleS: 0.5 / toHz }
}

/** The samples that later output still needs; before the first one there is silence. */
function createTail(reach: number) {
  let first = -reach - 1
  let length = reach + 1
  let samples = new Float32Array(4096)
  return {
    get samples() {
      return samples
    },
    first: () => first,
    append(block: Float32Array) {
      if (length + block.length > samples.length) {
        const larger = new Float32Array(2 * (length + block.length))
        larger.set(samples.subarray(0, length))
        samples = larger
      }
      samples.set(block, length)
      length += block.length
    },
    forget(before: number) {
      const count = Math.min(length, before - first)
      if (count <= 0) return
      samples.copyWithin(0, count, length)
      length -= count
      first += count
    },
  }
}

interface Kernels {
  /** Input samples to either side of a position. */
  readonly reach: number
  /** Weighted sum of `2·reach` samples from `start` on; `phase` is in 1/(2·up) input samples. */
  apply(samples: Float32Array, start: number, phase: number): number
}

function createKernels(up: number, down: number): Kernels {
  const cutoff = CUTOFF * Math.min(1, up / down)
  const reach = evenNumber(ZERO_CROSSINGS / cutoff)
  const length = 2 * reach
  if (up <= MOST_PHASES) {
    // Positions are multiples of 1/(2·up) that differ by multiples of 1/up: so many phases there are, each computed once.
    const offset = Math.abs(down - up) % 2
    const table = tableOf(up, length, (i) => kernel((2 * i + offset) / (2 * up), cutoff, reach))
    return { reach, apply: (samples, start, phase) => dot(samples, start, table, (phase >> 1) * length, length) }
  }
  const table = tableOf(MOST_PHASES + 1, length, (i) => kernel(i / MOST_PHASES, cutoff, reach))
  return {
    reach,
    apply(samples, start, phase) {
      const place = (phase / (2 * up)) * MOST_PHASES
      const below = Math.floor(place)
      const share = place - below
      const first = below * length
      return (
        (1 - share) * dot(samples, start, table, first, length) +
        share * dot(samples, start, table, first + length, length)
      )
    },
  }
}

/** The kernels of all phases, one after the other. */
function tableOf(phases: number, length: number, kernelOf: (phase: number) => Float64Array): Float64Array {
  const table = new Float64Array(phases * length)
  for (let phase = 0; phase < phases; phase++) table.set(kernelOf(phase), phase * length)
  return table
}

function evenNumber(atLeast: number): number {
  return 2 * Math.ceil(atLeast / 2)
}

/** Weights of the `2·reach` samples around a point that lies `fraction` after the middle left one; their sum is 1. */
function kernel(fraction: number, cutoff: number, reach: number): Float64Array {
  const edge = besselI0(KAISER_BETA)
  const weights = Float64Array.from({ length: 2 * reach }, (_, i) => {
    const distance = i - reach + 1 - fraction
    const x = distance / reach
    if (Math.abs(x) >= 1) return 0
    const angle = Math.PI * cutoff * distance
    return (angle === 0 ? 1 : Math.sin(angle) / angle) * (besselI0(KAISER_BETA * Math.sqrt(1 - x * x)) / edge)
  })
  const sum = weights.reduce((total, weight) => total + weight, 0)
  return weights.map((weight) => weight / sum)
}

/** Four sums side by side, since each addition would wait for the one before; `length` is a multiple of 4. */
function dot(samples: Float32Array, start: number, weights: Float64Array, first: number, length: number): number {
  let sum0 = 0
  let sum1 = 0
  let sum2 = 0
  let sum3 = 0
  for (let i = 0; i < length; i += 4) {
    sum0 += samples[start + i]! * weights[first + i]!
    sum1 += samples[start + i + 1]! * weights[first + i + 1]!
    sum2 += samples[start + i + 2]! * weights[first + i + 2]!
    sum3 += samples[start + i + 3]! * weights[first + i + 3]!
  }
  return sum0 + sum1 + (sum2 + sum3)
}

function greatestCommonDivisor(a: number, b: number): number {
  return b === 0 ? a : greatestCommonDivisor(b, a % b)
}
