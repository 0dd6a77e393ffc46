/** An audio file of any kind to a recording. What a file is, its first bytes tell. */
import type { Recording } from '../analysis/analyse.ts'
import { AppError } from '../domain/errors.ts'
import { openFileSource } from './byte-source.ts'
import type { DecodeOptions } from './decode-options.ts'
import { decodeWav } from './decode-wav.ts'
import { FORMAT_NAMES, sniffAudio } from './sniff.ts'

type Decoder = (path: string, options: DecodeOptions) => Promise<Recording>

/** A decoder per format of `sniffAudio`. */
const DECODERS: Readonly<Record<string, Decoder>> = {
  wav: async (path, options) => {
    using source = openFileSource(path)
    return decodeWav(source, options)
  },
}

const SNIFFED_BYTES = 4096

/** @throws AppError `codec-unsupported`, `recording-undecodable`, `recording-too-long`; Node's error when there is no file */
export async function decodeFile(path: string, options: DecodeOptions): Promise<Recording> {
  const sniffed = sniffAudio(firstBytesOf(path))
  if (sniffed === undefined) {
    throw new AppError('recording-undecodable', 'The file is not a recording that is known here. Please send WAV.')
  }
  const decoder = DECODERS[sniffed.format]
  if (decoder !== undefined) return decoder(path, options)
  const name = FORMAT_NAMES[sniffed.format] ?? sniffed.format
  throw new AppError('codec-unsupported', `The recording is ${name}, and only WAV can be decoded. Please send WAV.`)
}

function firstBytesOf(path: string): Uint8Array {
  using source = openFileSource(path)
  const bytes = new Uint8Array(Math.min(SNIFFED_BYTES, source.size))
  return bytes.subarray(0, source.read(bytes, 0))
}
