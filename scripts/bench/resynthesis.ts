/**
 * Spoken sentences whose F0 is known exactly: the spectra of synthetic speech by linear prediction (Makhoul 1975,
 * autocorrelation method), driven by a source of our own.
 */

import type { CreateRealFft } from '../../src/analysis/fft.ts'
import { trackPitch } from '../../src/analysis/pitch.ts'
import { resample } from '../../src/analysis/resample.ts'
import { createSound, type Sound } from '../../src/analysis/sound.ts'
import type { Random } from './random.ts'
import { scaledTo, type Voice } from './voice.ts'

const RATE_HZ = 16_000
const PER_MS = RATE_HZ / 1000
const ORDER = 18
const HOP = 80
const WINDOW = 400
const PRE_EMPHASIS = 0.95
const HIGHEST_HARMONIC_HZ = 7200
/** F0 is smoothed over so many milliseconds to either side. */
const SMOOTHING_MS = 15
const PEAK = 0.6

/**
 * The sentence in `sound` again, with its melody moved and stretched at random. Where there is voice is taken from our
 * tracker's mode `praat`, which finds what Praat finds: if anything this favours Praat.
 */
export function resynthesise(name: string, sound: Sound, createFft: CreateRealFft, random: Random): Voice {
  const { samples } = resample(sound, RATE_HZ)
  const f0Hz = melodyOf(createSound(samples, RATE_HZ), createFft, random)
  const output = new Float64Array(samples.length)
  const source = createSource(f0Hz, random)
  const memory = new Float64Array(ORDER + 1)
  for (let start = 0; start + HOP <= samples.length; start += HOP) {
    const { coefficients, gain } = predictorOf(samples, start + HOP / 2 - WINDOW / 2)
    for (let i = start; i < start + HOP; i++) {
      let value = gain * source(i)
      for (let k = 1; k <= ORDER; k++) value -= coefficients[k]! * memory[k - 1]!
      memory.copyWithin(1, 0, ORDER)
      memory[0] = value
      output[i] = value + (i > 0 ? PRE_EMPHASIS * output[i - 1]! : 0)
    }
  }
  return { name, samples: scaledTo(output, PEAK), sampleRateHz: RATE_HZ, f0Hz }
}

/** F0 per millisecond: the sentence's own around another mean, with another range. */
function melodyOf(sound: Sound, createFft: CreateRealFft, random: Random): Float64Array {
  const track = trackPitch(sound, createFft, { mode: 'praat' })
  const voiced = track.f0Hz.filter((f0) => f0 > 0)
  const mean = voiced.reduce((sum, f0) => sum + Math.log2(f0), 0) / voiced.length
  const shift = 0.5 * (random.next() - 0.5)
  const stretch = 0.7 + 0.8 * random.next()
  const melody = new Float64Array(Math.floor(sound.samples.length / PER_MS) + 1)
  for (let i = 0; i + 1 < track.f0Hz.length; i++) {
    const from = track.f0Hz[i]!
    const to = track.f0Hz[i + 1]!
    if (from === 0 || to === 0) continue
    const startMs = 1000 * (track.startS + i * track.stepS)
    const stepMs = 1000 * track.stepS
    for (let ms = Math.ceil(startMs); ms <= startMs + stepMs; ms++) {
      const octave = Math.log2(from) + ((ms - startMs) / stepMs) * Math.log2(to / from)
      melody[ms] = 2 ** (shift + mean + stretch * (octave - mean))
    }
  }
  return smoothed(melody)
}

function smoothed(melody: Float64Array): Float64Array {
  return melody.map((f0, ms) => {
    if (f0 === 0) return 0
    const around = melody.subarray(Math.max(0, ms - SMOOTHING_MS), ms + SMOOTHING_MS + 1).filter((value) => value > 0)
    const mean = around.reduce((sum, value) => sum + Math.log(value), 0) / around.length
    return Math.min(590, Math.max(76, Math.exp(mean)))
  })
}

/** Equal harmonics with a little breath where there is voice, noise of the same power elsewhere. */
function createSource(f0Hz: Float64Array, random: Random): (sample: number) => number {
  let phase = 0
  return (sample) => {
    const ms = Math.floor(sample / PER_MS)
    const from = f0Hz[ms]!
    const to = f0Hz[ms + 1] ?? 0
    const f0 = from > 0 && to > 0 ? from + (sample / PER_MS - ms) * (to - from) : from
    if (!(f0 > 0)) {
      phase = 0
      return random.normal()
    }
    phase += (2 * Math.PI * f0) / RATE_HZ
    const harmonics = Math.floor(HIGHEST_HARMONIC_HZ / f0)
    let sum = 0
    for (let h = 1; h <= harmonics; h++) sum += Math.cos(h * phase)
    return 0.98 * sum * Math.sqrt(2 / harmonics) + 0.1 * random.normal()
  }
}

/** Prediction coefficients (the first is 1) and the gain for a source of power 1, by Levinson's recursion. */
function predictorOf(samples: Float32Array, start: number): { coefficients: Float64Array; gain: number } {
  const frame = Float64Array.from({ length: WINDOW }, (_, i) => {
    const at = start + i
    const value = at >= 1 && at < samples.length ? samples[at]! - PRE_EMPHASIS * samples[at - 1]! : 0
    return value * (0.54 - 0.46 * Math.cos((2 * Math.PI * i) / (WINDOW - 1)))
  })
  const products = Float64Array.from({ length: ORDER + 1 }, (_, lag) =>
    frame.subarray(lag).reduce((sum, value, i) => sum + value * frame[i]!, 0),
  )
  products[0] = products[0]! * 1.0001 + 1e-9
  const coefficients = new Float64Array(ORDER + 1)
  coefficients[0] = 1
  let error = products[0]!
  for (let i = 1; i <= ORDER; i++) {
    let sum = products[i]!
    for (let j = 1; j < i; j++) sum += coefficients[j]! * products[i - j]!
    const reflection = -sum / error
    const before = coefficients.slice()
    for (let j = 1; j < i; j++) coefficients[j] = before[j]! + reflection * before[i - j]!
    coefficients[i] = reflection
    error *= 1 - reflection * reflection
  }
  // The mean square of a Hamming window is 0.4.
  return { coefficients, gain: Math.sqrt(Math.max(0, error) / WINDOW / 0.4) }
}
