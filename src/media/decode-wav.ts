/** A WAV file to a recording that the engine can analyse, block by block. */
import type { Recording } from '../analysis/analyse.ts'
import { createResampler } from '../analysis/resample.ts'
import { AppError } from '../domain/errors.ts'
import type { ByteSource } from './byte-source.ts'
import type { DecodeOptions } from './decode-options.ts'
import { createPcmReader, type PcmReader } from './pcm.ts'
import { readWavLayout, type WavLayout } from './wav.ts'

const BLOCK_BYTES = 1 << 18

/**
 * Decodes what is there, mixes it to one channel and brings a rate above the highest wanted down to it. Memory: 4 bytes
 * per sample at that rate, and a block.
 *
 * @throws AppError `recording-too-long`, `recording-undecodable`, `codec-unsupported`
 */
export function decodeWav(source: ByteSource, options: DecodeOptions): Recording {
  const layout = readWavLayout(source)
  const { channels, sampleRateHz, frames, codec } = layout
  const { maxDurationS, highestRateHz } = options
  if (frames / sampleRateHz > maxDurationS) throw tooLong(maxDurationS)
  const reader = createPcmReader(layout)
  const rateHz = Math.min(sampleRateHz, highestRateHz)
  const samples = collect(monoBlocks(source, layout, reader, options), layout, rateHz)
  return {
    sound: { samples, sampleRateHz: rateHz, firstSampleS: 0.5 / rateHz, durationS: frames * (1 / sampleRateHz) },
    codec,
    sampleRateHz,
    channels,
    clippingRatio: reader.clippedSamples / (frames * channels),
    damaged: layout.truncated || reader.invalidSamples > 0,
  }
}

function* monoBlocks(
  source: ByteSource,
  { dataStart, frames, sampleBytes, channels }: WavLayout,
  reader: PcmReader,
  { checkpoint = () => {} }: DecodeOptions,
): Generator<Float32Array> {
  const frameBytes = sampleBytes * channels
  const framesPerBlock = Math.max(1, Math.floor(BLOCK_BYTES / frameBytes))
  const bytes = new Uint8Array(framesPerBlock * frameBytes)
  const block = new Float32Array(framesPerBlock)
  for (let done = 0; done < frames; done += framesPerBlock) {
    checkpoint(done / frames)
    const count = Math.min(framesPerBlock, frames - done)
    const part = bytes.subarray(0, count * frameBytes)
    if (source.read(part, dataStart + done * frameBytes) < part.length) {
      throw new AppError('recording-undecodable', 'The file became shorter while it was read. Please send it again.')
    }
    reader.toMono(part, count, block)
    yield block.subarray(0, count)
  }
}

function collect(blocks: Iterable<Float32Array>, { frames, sampleRateHz }: WavLayout, rateHz: number): Float32Array {
  if (rateHz === sampleRateHz) return concatenate(blocks, frames)
  const resampler = createResampler(sampleRateHz, rateHz)
  function* resampled(): Generator<Float32Array> {
    for (const block of blocks) yield resampler.push(block)
    yield resampler.end()
  }
  return concatenate(resampled(), Math.round((frames * rateHz) / sampleRateHz))
}

function concatenate(blocks: Iterable<Float32Array>, length: number): Float32Array {
  const whole = new Float32Array(length)
  let filled = 0
  for (const block of blocks) {
    whole.set(block, filled)
    filled += block.length
  }
  return whole
}

function tooLong(maxDurationS: number): AppError {
  const limit = maxDurationS >= 120 ? `${Math.floor(maxDurationS / 60)} minutes` : `${maxDurationS} seconds`
  return new AppError(
    'recording-too-long',
    `The recording is longer than ${limit}, which is the limit. Please send it in shorter parts.`,
  )
}
