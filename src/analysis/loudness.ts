/** Integrated loudness of programme by ITU-R BS.1770-4, annex 1, for one channel. */
import type { Checkpoint, Sound } from './sound.ts'

/** Gating blocks last 400 ms and overlap by 75 %: they are counted in quarters of 100 ms. */
const QUARTERS_PER_SECOND = 10
const QUARTERS_PER_BLOCK = 4
const ABSOLUTE_GATE_LUFS = -70
const RELATIVE_GATE_LU = -10
/** Makes a full-scale sine of 997 Hz in one channel −3.01 LKFS. */
const OFFSET_DB = -0.691
const QUARTERS_PER_CHECKPOINT = 100

/**
 * Loudness in LUFS. The sum over channels has one member: a mono recording is not counted twice.
 *
 * @returns null when no 400 ms block is above the absolute gate: too short, or silent
 */
export function integratedLoudness(sound: Sound, checkpoint: Checkpoint = () => {}): number | null {
  const blocks = blockPowers(quarterPowers(sound, checkpoint))
  const audible = blocks.filter((power) => toLufs(power) > ABSOLUTE_GATE_LUFS)
  if (audible.length === 0) return null
  const gate = stepOf(toLufs(mean(audible)) + RELATIVE_GATE_LU)
  return toLufs(mean(audible.filter((power) => stepOf(toLufs(power)) >= gate)))
}

/**
 * Blocks are gated in steps of 0.01 LU, as in meters that keep a histogram (ffmpeg's does). In steady noise that lies
 * just at the gate, a tenth of an LU can hang on such a step.
 */
function stepOf(lufs: number): number {
  return Math.floor(lufs * 100)
}

function toLufs(power: number): number {
  return OFFSET_DB + 10 * Math.log10(power)
}

function mean(values: Float64Array): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length
}

/** Mean square of each block that the recording fills, from that of its quarters. */
function blockPowers(quarters: Float64Array): Float64Array {
  return Float64Array.from({ length: Math.max(0, quarters.length - QUARTERS_PER_BLOCK + 1) }, (_, i) =>
    mean(quarters.subarray(i, i + QUARTERS_PER_BLOCK)),
  )
}

/** Mean square of the K-weighted samples in every whole stretch of 100 ms. */
function quarterPowers({ samples, sampleRateHz }: Sound, checkpoint: Checkpoint): Float64Array {
  const [shelf, highPass] = kWeighting(sampleRateHz)
  const powers = new Float64Array(Math.floor((samples.length * QUARTERS_PER_SECOND) / sampleRateHz))
  // Two transposed direct forms II, one after the other: their states are plain variables, for speed.
  let [s1, s2, h1, h2, at] = [0, 0, 0, 0, 0]
  for (let quarter = 0; quarter < powers.length; quarter++) {
    if (quarter % QUARTERS_PER_CHECKPOINT === 0) checkpoint(quarter / powers.length)
    const end = Math.round(((quarter + 1) * sampleRateHz) / QUARTERS_PER_SECOND)
    const count = end - at
    let sum = 0
    for (; at < end; at++) {
      const x = samples[at]!
      const y = shelf.b0 * x + s1
      s1 = shelf.b1 * x - shelf.a1 * y + s2
      s2 = shelf.b2 * x - shelf.a2 * y
      const z = highPass.b0 * y + h1
      h1 = highPass.b1 * y - highPass.a1 * z + h2
      h2 = highPass.b2 * y - highPass.a2 * z
      sum += z * z
    }
    powers[quarter] = sum / count
  }
  return powers
}

/** A second-order section whose a0 is 1. */
interface Biquad {
  readonly b0: number
  readonly b1: number
  readonly b2: number
  readonly a1: number
  readonly a2: number
}

/**
 * The two filters of K-weighting at any sampling rate. The recommendation lists coefficients for 48 kHz only; these
 * are the analogue filters behind them (De Man 2014, "Evaluation of implementations of the EBU R128 loudness
 * measurement", AES convention 137), which give the listed coefficients at 48 kHz to 1e-7.
 */
export function kWeighting(sampleRateHz: number): [shelf: Biquad, highPass: Biquad] {
  return [highShelf(sampleRateHz), highPass(sampleRateHz)]
}

/** About +4 dB above 2 kHz: the head as a sphere. */
function highShelf(sampleRateHz: number): Biquad {
  const k = Math.tan((Math.PI * 1681.974450955533) / sampleRateHz)
  const q = 0.7071752369554196
  const top = 10 ** (3.999843853973347 / 20)
  const middle = top ** 0.4996667741545416
  const a0 = 1 + k / q + k * k
  return {
    b0: (top + (middle * k) / q + k * k) / a0,
    b1: (2 * (k * k - top)) / a0,
    b2: (top - (middle * k) / q + k * k) / a0,
    a1: (2 * (k * k - 1)) / a0,
    a2: (1 - k / q + k * k) / a0,
  }
}

/** The "RLB" curve: nothing below about 40 Hz. */
function highPass(sampleRateHz: number): Biquad {
  const k = Math.tan((Math.PI * 38.13547087602444) / sampleRateHz)
  const q = 0.5003270373238773
  const a0 = 1 + k / q + k * k
  return { b0: 1, b1: -2, b2: 1, a1: (2 * (k * k - 1)) / a0, a2: (1 - k / q + k * k) / a0 }
}
