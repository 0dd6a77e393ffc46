/** A WAV file to a recording that the engine can analyse, block by block. */
import type { Recording } from '../analysis/analyse.ts'
import { AppError } from '../domain/errors.ts'
import type { ByteSource } from './byte-source.ts'
import { type DecodeOptions, tooLong } from './decode-options.ts'
import { createIntake } from './intake.ts'
import { createPcmReader, FULL_SCALE } from './pcm.ts'
import { readWavLayout } from './wav.ts'

const BLOCK_BYTES = 1 << 18

/**
 * Decodes what is there, mixes it to one channel and brings a rate above the highest wanted down to it. Memory: 4 bytes
 * per sample at that rate, and a block.
 *
 * @throws AppError `recording-too-long`, `recording-undecodable`, `codec-unsupported`
 */
export function decodeWav(source: ByteSource, options: DecodeOptions): Recording {
  const layout = readWavLayout(source)
  const { channels, sampleRateHz, frames, codec, encoding, dataStart } = layout
  const { maxDurationS, checkpoint = () => {} } = options
  if (frames / sampleRateHz > maxDurationS) throw tooLong(maxDurationS)
  const reader = createPcmReader(layout)
  const format = { channels, sampleRateHz, fullScale: FULL_SCALE[encoding], expectedFrames: frames }
  const intake = createIntake(format, options)
  const frameBytes = layout.sampleBytes * channels
  const framesPerBlock = Math.max(1, Math.floor(BLOCK_BYTES / frameBytes))
  const bytes = new Uint8Array(framesPerBlock * frameBytes)
  const block = new Float32Array(framesPerBlock * channels)
  for (let done = 0; done < frames; done += framesPerBlock) {
    checkpoint(done / frames)
    const count = Math.min(framesPerBlock, frames - done)
    const part = bytes.subarray(0, count * frameBytes)
    if (source.read(part, dataStart + done * frameBytes) < part.length) {
      throw new AppError('recording-undecodable', 'The file became shorter while it was read. Please send it again.')
    }
    reader.read(part, count * channels, block)
    intake.push(block, count)
  }
  const damaged = layout.truncated || reader.invalidSamples > 0
  return { ...intake.end(), codec, sampleRateHz, channels, damaged }
}
