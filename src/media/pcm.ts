/** Stored samples to numbers: every coding that a WAV file of ours may have. */
import { endianness } from 'node:os'
import type { SampleEncoding, WavFormat } from './wav.ts'

export interface PcmReader {
  /** Bytes to as many samples, channels interleaved as they are stored, full scale ±1; written into `target`. */
  read(bytes: Uint8Array, count: number, target: Float32Array): void
  /** Samples so far that were no numbers, or absurd ones; each counts as 0. */
  readonly invalidSamples: number
}

/** Beyond this a floating-point sample is a fault, not a loud one. */
export const MOST_PLAUSIBLE = 1e6

/** The least magnitude that counts as full scale. The logarithmic codes end below 1. */
export const FULL_SCALE: Readonly<Record<SampleEncoding, number>> = {
  unsigned: 127 / 128,
  signed: 0.999,
  float: 0.999,
  mulaw: 32_124 / 32_768,
  alaw: 32_256 / 32_768,
}

export function createPcmReader(format: WavFormat): PcmReader {
  const { sampleBytes } = format
  const sampleAt = sampleReader(format)
  // What nearly every WAV file holds, as this machine itself keeps it: several times as fast.
  const isShorts = format.encoding === 'signed' && sampleBytes === 2 && endianness() === 'LE'
  let invalidSamples = 0
  return {
    read(bytes, count, target) {
      if (isShorts && bytes.byteOffset % 2 === 0) {
        const shorts = new Int16Array(bytes.buffer, bytes.byteOffset, count)
        for (let i = 0; i < count; i++) target[i] = shorts[i]! / 0x8000
        return
      }
      const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
      for (let i = 0, offset = 0; i < count; i++, offset += sampleBytes) {
        const sample = sampleAt(view, offset)
        const plausible = sample <= MOST_PLAUSIBLE && sample >= -MOST_PLAUSIBLE
        target[i] = plausible ? sample : 0
        if (!plausible) invalidSamples++
      }
    },
    get invalidSamples() {
      return invalidSamples
    },
  }
}

/** The mean of the channels of each frame, written into `target` from its start; the same array will do for both. */
export function mixDown(interleaved: Float32Array, frames: number, channels: number, target: Float32Array): void {
  if (channels === 2) {
    for (let frame = 0; frame < frames; frame++)
      target[frame] = (interleaved[2 * frame]! + interleaved[2 * frame + 1]!) / 2
    return
  }
  for (let frame = 0, at = 0; frame < frames; frame++) {
    let sum = 0
    for (let channel = 0; channel < channels; channel++, at++) sum += interleaved[at]!
    target[frame] = sum / channels
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
  // Not its negative: that of 0 would be −0.
  return bits & 0x80 ? 0 - magnitude : magnitude
}

/** ITU-T G.711, A-law: the same, with every other bit inverted; 16-bit scale. */
function alawSample(code: number): number {
  const bits = code ^ 0x55
  const exponent = (bits & 0x70) >> 4
  const mantissa = ((bits & 0x0f) << 4) + 8
  const magnitude = exponent === 0 ? mantissa : (mantissa + 0x100) << (exponent - 1)
  return bits & 0x80 ? magnitude : -magnitude
}
