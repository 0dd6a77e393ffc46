/**
 * Any recording that ffmpeg reads: facts first (ffprobe), so that what is too long, silent film or a strange coding is
 * refused at once; then the samples at the source's own rate and channels, through a pipe, never more than a chunk held.
 */
import type { Recording } from '../analysis/analyse.ts'
import { AppError } from '../domain/errors.ts'
import { type DecodeOptions, tooLong } from './decode-options.ts'
import { decodeCommand, decodersOf, type InputFile } from './ffmpeg-arguments.ts'
import type { FfmpegTools } from './ffmpeg-tools.ts'
import { createIntake, type Intake } from './intake.ts'
import { FULL_SCALE, MOST_PLAUSIBLE } from './pcm.ts'
import { probe, type SourceFacts, undecodable } from './probe.ts'
import { type ChildEnd, runChild } from './run-child.ts'

const LOWEST_RATE_HZ = 4000
const HIGHEST_RATE_HZ = 384_000
const MOST_CHANNELS = 16
/** ffmpeg decodes at hundreds of times the speed of sound; slower than this it does not decode but hang. */
const CPU_S_PER_S = 0.1
const LEAST_CPU_S = 30
/** About what the pipe holds: ffmpeg decodes the next block while this one is worked on, neither waits long. */
const BLOCK_SAMPLES = 1 << 14
/** A file may lack so much of what it declares: lengths are declared in frames and rounded. */
const MISSING_S = 0.25
const MISSING_SHARE = 0.01
/** The streams that are left aside may well be of codings that are not allowed. */
const HARMLESS = /not on whitelist|Failed to open codec in avformat_find_stream_info|Last message repeated/

/**
 * What can be saved of a damaged file is decoded, and the recording says that it is damaged.
 *
 * @throws AppError `recording-undecodable`, `recording-too-long`, `codec-unsupported`, `analysis-timeout`; `checkpoint`'s
 */
export async function decodeWithFfmpeg(
  tools: FfmpegTools,
  input: InputFile,
  options: DecodeOptions,
): Promise<Recording> {
  const { maxDurationS, checkpoint = () => {} } = options
  const facts = await probe(tools, input, () => checkpoint(0))
  const decoders = checkFacts(facts, maxDurationS)
  const { codec, sampleRateHz, channels, durationS } = facts
  const expectedFrames = Math.ceil((durationS ?? 0) * sampleRateHz)
  const intake = createIntake({ channels, sampleRateHz, fullScale: FULL_SCALE.float, expectedFrames }, options)
  const share = () => (expectedFrames === 0 ? 0 : Math.min(1, intake.frames / expectedFrames))
  const floats = createFloatBlocks(channels, intake, () => {
    if (intake.frames / sampleRateHz > maxDurationS) throw tooLong(maxDurationS)
    checkpoint(share())
  })
  const maxCpuS = LEAST_CPU_S + CPU_S_PER_S * maxDurationS
  // One second more than is allowed: whoever uses it is too long.
  const request = { decoders, sampleRateHz, channels, maxDurationS: maxDurationS + 1, maxCpuS }
  const end = await runChild(decodeCommand(tools, input, request), {
    timeoutMs: 2000 * maxCpuS,
    checkpoint: () => checkpoint(share()),
    onOutput: floats.push,
  })
  floats.end()
  if (intake.frames === 0) throw undecodable(end.complaints)
  const damaged = floats.invalidSamples > 0 || isDamaged(end, facts, intake)
  return { ...intake.end(), codec, sampleRateHz, channels, damaged }
}

/** Answers the decoders that the coding needs. */
function checkFacts({ codec, sampleRateHz, channels, durationS }: SourceFacts, maxDurationS: number): string {
  const decoders = decodersOf(codec)
  if (decoders === undefined) {
    throw new AppError(
      'codec-unsupported',
      `The recording's sound is coded as ${codec}, which is not decoded here. Please send MP3, M4A, Opus or WAV.`,
    )
  }
  if (channels > MOST_CHANNELS || sampleRateHz < LOWEST_RATE_HZ || sampleRateHz > HIGHEST_RATE_HZ) {
    throw new AppError(
      'codec-unsupported',
      `The recording has ${channels} channels at ${sampleRateHz} Hz, which is not decoded here. Please send mono or stereo at 8 to 192 kHz.`,
    )
  }
  if (durationS !== undefined && durationS > maxDurationS + MISSING_S) throw tooLong(maxDurationS)
  return decoders
}

function isDamaged({ exitCode, complaints }: ChildEnd, facts: SourceFacts, { frames }: Intake): boolean {
  const { durationS, isOwnDuration, isExaggerated, sampleRateHz } = facts
  if (exitCode !== 0 || isExaggerated || complaints.some((line) => !HARMLESS.test(line))) return true
  if (durationS === undefined || !isOwnDuration) return false
  return durationS - frames / sampleRateHz > Math.max(MISSING_S, MISSING_SHARE * durationS)
}

/** Chunks of bytes that end anywhere to blocks of whole frames. */
function createFloatBlocks(channels: number, intake: Intake, onBlock: () => void) {
  const samples = new Float32Array(Math.floor(BLOCK_SAMPLES / channels) * channels)
  // ffmpeg writes floats as this machine keeps them: nothing is to be converted.
  const bytes = new Uint8Array(samples.buffer)
  let filled = 0
  let invalidSamples = 0

  function flush(): void {
    const frames = Math.floor(filled / (4 * channels))
    invalidSamples += silenceImplausible(samples, frames * channels)
    intake.push(samples, frames)
    filled = 0
    onBlock()
  }
  return {
    push(chunk: Uint8Array) {
      for (let taken = 0; taken < chunk.length; ) {
        const count = Math.min(bytes.length - filled, chunk.length - taken)
        bytes.set(chunk.subarray(taken, taken + count), filled)
        filled += count
        taken += count
        if (filled === bytes.length) flush()
      }
    },
    /** Half a frame at the end of what a killed child wrote is left out. */
    end: flush,
    get invalidSamples() {
      return invalidSamples
    },
  }
}

/** Puts 0 where there is no number, or an absurd one, among the first so many samples; answers how often. */
function silenceImplausible(samples: Float32Array, count: number): number {
  let silenced = 0
  for (let i = 0; i < count; i++) {
    const sample = samples[i]!
    if (sample <= MOST_PLAUSIBLE && sample >= -MOST_PLAUSIBLE) continue
    samples[i] = 0
    silenced++
  }
  return silenced
}
