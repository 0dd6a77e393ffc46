/** Stored samples to numbers: every coding that a WAV file of ours may have, mixed down to one channel. */
import type { SampleEncoding, WavFormat } from './wav.ts'

export interface PcmReader {
  /** Whole frames of bytes to mono samples, full scale ±1; written into `target` from its start. */
  toMono(bytes: Uint8Array, frames: number, target: Float32Array): void
  /** Samples so far, of any channel, at the coding's full scale. */
  readonly clippedSamples: number
  /** Samples so far that were no numbers, or absurd ones; each counts as 0. */
  readonly invalidSamples: number
}

/** Beyond this a floating-point sample is a fault, not a loud one. */
const MOST_PLAUSIBLE = 1e6

/** The least magnitude that counts as full scale. The logarithmic codes end below 1. */
const FULL_SCALE: Readonly<Record<SampleEncoding, number>> = {
  unsigned: 127 / 128,
  signed: 0.999,
  float: 0.999,
  mulaw: 32_124 / 32_768,
  alaw: 32_256 / 32_768,
}

export function createPcmReader(format: WavFormat): PcmReader {
  const { channels, sampleBytes } = format
  const sampleAt = sampleReader(format)
  const fullScale = FULL_SCALE[format.encoding]
  let clippedSamples = 0
  let invalidSamples = 0
  return {
    toMono(bytes, frames, target) {
      const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
      let offset = 0
      for (let frame = 0; frame < frames; frame++) {
        let sum = 0
        for (let channel = 0; channel < channels; channel++, offset += sampleBytes) {
          const sample = sampleAt(view, offset)
          if (sample >= fullScale || sample <= -fullScale) clippedSamples++
          if (sample <= MOST_PLAUSIBLE && sample >= -MOST_PLAUSIBLE) sum += sample
          else invalidSamples++
        }
        target[frame] = sum / channels
      }
    },
    get clippedSamples() {
      return clippedSamples
    },
    get invalidSamples() {
      return invalidSamples
    },
  }
}

function sampleReader({ encoding, sampleBytes }: WavFormat): (view: DataView, offset: number) => number {
  switch (encoding) {
    case 'unsigned':
      return (view, offset) => (view.getUint8(offset) - 128) / 128
    case 'signed':
      return signedReader(sampleBytes)
    case 'float':
      return sampleBytes === 8
        ? (view, offset) => view.getFloat64(offset, true)
        : (view, offset) => view.getFloat32(offset, true)
    case 'mulaw':
      return tableReader(mulawSample)
    case 'alaw':
      return tableReader(alawSample)
    default:
      throw new Error(`unhandled encoding ${encoding satisfies never}`)
  }
}

function signedReader(sampleBytes: number): (view: DataView, offset: number) => number {
  if (sampleBytes === 2) return (view, offset) => view.getInt16(offset, true) / 0x8000
  if (sampleBytes === 3) {
    return (view, offset) => (view.getUint16(offset, true) + view.getInt8(offset + 2) * 0x1_0000) / 0x80_0000
  }
  return (view, offset) => view.getInt32(offset, true) / 0x8000_0000
}

function tableReader(sampleOf: (code: number) => number): (view: DataView, offset: number) => number {
  const table = Float64Array.from({ length: 256 }, (_, code) => sampleOf(code) / 0x8000)
  return (view, offset) => table[view.getUint8(offset)]!
}

/** ITU-T G.711, µ-law: sign, 3 bits of exponent, 4 of mantissa, all inverted; 16-bit scale. */
function mulawSample(code: number): number {
  const bits = ~code & 0xff
  const magnitude = ((((bits & 0x0f) << 3) + 0x84) << ((bits & 0x70) >> 4)) - 0x84
  return bits & 0x80 ? -magnitude : magnitude
}

/** ITU-T G.711, A-law: the same, with every other bit inverted; 16-bit scale. */
function alawSample(code: number): number {
  const bits = code ^ 0x55
  const exponent = (bits & 0x70) >> 4
  const mantissa = ((bits & 0x0f) << 4) + 8
  const magnitude = exponent === 0 ? mantissa : (mantissa + 0x100) << (exponent - 1)
  return bits & 0x80 ? magnitude : -magnitude
}
