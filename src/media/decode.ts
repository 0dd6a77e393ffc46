/** An audio file of any kind to a recording. What a file is, its first bytes tell. */
import { resolve } from 'node:path'
import type { Recording } from '../analysis/analyse.ts'
import { AppError } from '../domain/errors.ts'
import type { SniffedAudio } from '../ports/sniff.ts'
import { openFileSource } from './byte-source.ts'
import { decodeWithFfmpeg } from './decode-ffmpeg.ts'
import type { DecodeOptions } from './decode-options.ts'
import { decodeWav } from './decode-wav.ts'
import { demuxerOf } from './ffmpeg-arguments.ts'
import { type FfmpegTools, findFfmpeg } from './ffmpeg-tools.ts'
import { FORMAT_NAMES, id3Bytes, sniffAudio } from './sniff.ts'

const SNIFFED_BYTES = 4096

/**
 * WAV is read by our own reader, all else by ffmpeg where there is one.
 *
 * @param tools null: as if there were none; default: those on PATH
 * @throws AppError `codec-unsupported`, `retryable` where only ffmpeg is missing; `recording-undecodable`,
 *   `recording-too-long`, `analysis-timeout`; `not-ready` when the tools cannot be started; Node's error when there is
 *   no file
 */
export async function decodeFile(
  path: string,
  options: DecodeOptions,
  tools: FfmpegTools | null = findFfmpeg() ?? null,
): Promise<Recording> {
  const sniffed = sniffFile(path)
  if (sniffed === undefined) {
    const names = 'WAV, MP3, M4A, FLAC, Ogg or WebM'
    throw new AppError('recording-undecodable', `The file is not a recording that is known here. Please send ${names}.`)
  }
  if (sniffed.format !== 'wav') return decodeForeign(path, sniffed, options, tools)
  try {
    using source = openFileSource(path)
    return decodeWav(source, options)
  } catch (error) {
    // Codings of a WAV file that are not ours may be ffmpeg's.
    const isForeign = error instanceof AppError && error.code === 'codec-unsupported'
    if (!isForeign) throw error
    if (tools !== null) return decodeForeign(path, sniffed, options, tools)
    const detail = `${error.detail} (ffmpeg, which may know it, is missing where recordings are analysed.)`
    throw new AppError(error.code, detail, { cause: error, retryable: true })
  }
}

async function decodeForeign(
  path: string,
  { format }: SniffedAudio,
  options: DecodeOptions,
  tools: FfmpegTools | null,
): Promise<Recording> {
  const demuxer = demuxerOf(format)
  const name = FORMAT_NAMES[format] ?? format
  if (tools === null || demuxer === undefined) {
    throw new AppError(
      'codec-unsupported',
      `The recording is ${name}, and only WAV can be decoded where ffmpeg is missing. Please send WAV, or install ffmpeg (with ffprobe) where recordings are analysed.`,
      { retryable: demuxer !== undefined },
    )
  }
  return decodeWithFfmpeg(tools, { path: resolve(path), demuxer }, options)
}

function sniffFile(path: string): SniffedAudio | undefined {
  using source = openFileSource(path)
  const bytesFrom = (position: number) => {
    const bytes = new Uint8Array(Math.max(0, Math.min(SNIFFED_BYTES, source.size - position)))
    return bytes.subarray(0, source.read(bytes, position))
  }
  const first = bytesFrom(0)
  const sniffed = sniffAudio(first)
  // A tag with a picture in it is longer than what was looked at; what stands behind it counts.
  const tagBytes = id3Bytes(first)
  return tagBytes === undefined || sniffed === undefined ? sniffed : (sniffAudio(bytesFrom(tagBytes)) ?? sniffed)
}
