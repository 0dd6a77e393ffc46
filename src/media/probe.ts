/** What a file says of its first audio stream, read by ffprobe: nothing is decoded beyond the first frames. */
import { statSync } from 'node:fs'
import { AppError } from '../domain/errors.ts'
import { type InputFile, probeCommand } from './ffmpeg-arguments.ts'
import type { FfmpegTools } from './ffmpeg-tools.ts'
import { runChild } from './run-child.ts'

export interface SourceFacts {
  /** ffmpeg's name of the coding, such as `opus`. */
  readonly codec: string
  readonly sampleRateHz: number
  readonly channels: number
  /** As the file declares it; undefined when it does not, or only a guess from its size is to be had. */
  readonly durationS: number | undefined
  /** The duration is that of this stream, not of a whole that holds others as well. */
  readonly isOwnDuration: boolean
  /** It declares a duration that so few bytes cannot hold. */
  readonly isExaggerated: boolean
}

const TIMEOUT_S = 20
const MOST_OUTPUT_BYTES = 1 << 16
/** ffmpeg's own words when it divides the file's size by the bit rate of the first frames. */
const GUESSED = /Estimating duration from bitrate/
/** No coding gets by with less: a file that says so has a damaged head. Ten times below silence in FLAC. */
const LEAST_BYTES_PER_S = 10

/**
 * @throws AppError `recording-undecodable` when it cannot be read, or has no sound at all; `analysis-timeout`; what
 *   `checkpoint` throws
 */
export async function probe(tools: FfmpegTools, input: InputFile, checkpoint: () => void): Promise<SourceFacts> {
  let json = ''
  const end = await runChild(probeCommand(tools, input, TIMEOUT_S), {
    checkpoint,
    timeoutMs: 3 * TIMEOUT_S * 1000,
    onOutput(chunk) {
      json += Buffer.from(chunk).toString('latin1')
      if (json.length > MOST_OUTPUT_BYTES) throw new AppError('recording-undecodable', 'The file cannot be read.')
    },
  })
  const said = parse(json)
  if (end.exitCode !== 0 || said?.format === undefined) throw undecodable(end.complaints)
  const [stream] = said.streams ?? []
  if (stream === undefined) throw withoutSound(end.complaints)
  const sampleRateHz = Number(stream.sample_rate)
  const channels = Number(stream.channels)
  if (!(sampleRateHz > 0 && channels > 0)) throw undecodable(end.complaints)
  const isGuessed = end.complaints.some((line) => GUESSED.test(line))
  const own = seconds(stream.duration)
  const declaredS = isGuessed ? undefined : (own ?? seconds(said.format.duration))
  const isExaggerated = declaredS !== undefined && statSync(input.path).size / declaredS < LEAST_BYTES_PER_S
  return {
    codec: stream.codec_name ?? 'unknown',
    sampleRateHz,
    channels,
    durationS: isExaggerated ? undefined : declaredS,
    isOwnDuration: own !== undefined || said.format.nb_streams === 1,
    isExaggerated,
  }
}

interface Probed {
  readonly streams?: readonly {
    readonly codec_name?: string
    readonly sample_rate?: string
    readonly channels?: number
    readonly duration?: string
  }[]
  readonly format?: { readonly duration?: string; readonly nb_streams?: number }
}

/** Undefined when ffprobe broke off in the middle. */
function parse(json: string): Probed | undefined {
  try {
    return JSON.parse(json)
  } catch {
    return undefined
  }
}

function seconds(text: string | undefined): number | undefined {
  const value = Number(text)
  return value > 0 && Number.isFinite(value) ? value : undefined
}

function withoutSound(complaints: readonly string[]): AppError {
  return new AppError(
    'recording-undecodable',
    'There is no sound in the file: it is a video without an audio track. Please send a recording with sound.',
    { cause: complaints.join('\n') },
  )
}

/** For a file in which ffmpeg finds nothing to decode; its own words are not for the sender. */
export function undecodable(complaints: readonly string[]): AppError {
  return new AppError(
    'recording-undecodable',
    'The file is damaged or incomplete: no sound can be read from it. Please record or export it again.',
    { cause: complaints.join('\n') },
  )
}
