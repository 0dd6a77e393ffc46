/** What ffmpeg and ffprobe are told: one demuxer, decoders by name, local files only, one thread. */
import { endianness } from 'node:os'
import type { ChildCommand, FfmpegTools } from './ffmpeg-tools.ts'
import { limitedCommand } from './ffmpeg-tools.ts'

/**
 * ffmpeg's demuxer of each format of `sniffAudio`. It is named, so that nothing else is tried: playlists and scripts,
 * which make it read other files and addresses, have demuxers of their own.
 */
const DEMUXERS: Readonly<Record<string, string>> = {
  wav: 'wav',
  mp3: 'mp3',
  aac: 'aac',
  flac: 'flac',
  ogg: 'ogg',
  webm: 'matroska',
  matroska: 'matroska',
  mp4: 'mov',
  aiff: 'aiff',
  caf: 'caf',
  amr: 'amr',
}

/** ffmpeg's decoders of each coding, by ffmpeg's name of the coding; what is not here is not decoded. */
const DECODERS: Readonly<Record<string, string>> = {
  aac: 'aac',
  ac3: 'ac3',
  adpcm_ima_qt: 'adpcm_ima_qt',
  adpcm_ima_wav: 'adpcm_ima_wav',
  adpcm_ms: 'adpcm_ms',
  alac: 'alac',
  amr_nb: 'amrnb',
  amr_wb: 'amrwb',
  eac3: 'eac3',
  flac: 'flac',
  gsm_ms: 'gsm_ms',
  mp1: 'mp1float',
  mp2: 'mp2float',
  mp3: 'mp3float',
  opus: 'opus',
  speex: 'speex,libspeex',
  vorbis: 'vorbis',
  wmav1: 'wmav1',
  wmav2: 'wmav2',
}

const PLAIN_PCM = /^pcm_(alaw|mulaw|[us]8|[suf](16|24|32|64)[bl]e)$/

/** ffmpeg's decoders for a coding; undefined for one that is not decoded here. */
export function decodersOf(codec: string): string | undefined {
  return PLAIN_PCM.test(codec) ? codec : Object.hasOwn(DECODERS, codec) ? DECODERS[codec] : undefined
}

/** What an ffmpeg must have: a decoder each, or several of which one is enough, comma separated. */
export function neededDecoders(): string[] {
  return Object.values(DECODERS)
}

/** Undefined for a format that ffmpeg is not asked to read. */
export function demuxerOf(format: string): string | undefined {
  return Object.hasOwn(DEMUXERS, format) ? DEMUXERS[format] : undefined
}

export interface InputFile {
  readonly path: string
  readonly demuxer: string
}

/** No single block of memory may be larger. */
const MOST_BLOCK_BYTES = 64 * 2 ** 20

/** `file:` keeps any other meaning out of the path. */
function inputArguments({ path, demuxer }: InputFile): string[] {
  return [
    '-max_alloc',
    String(MOST_BLOCK_BYTES),
    '-protocol_whitelist',
    'file,pipe',
    '-f',
    demuxer,
    '-i',
    `file:${path}`,
  ]
}

const PROBED = 'stream=codec_name,sample_rate,channels,duration:format=duration,nb_streams'

/** Tells about the first audio stream, as JSON. It warns where a duration is only guessed. */
export function probeCommand(tools: FfmpegTools, input: InputFile, maxCpuS: number): ChildCommand {
  const wanted = ['-select_streams', 'a:0', '-show_entries', PROBED, '-of', 'json']
  return limitedCommand(tools, 'ffprobe', ['-v', 'warning', ...wanted, ...inputArguments(input)], maxCpuS)
}

const SAMPLE_FORMAT = endianness() === 'LE' ? 'f32le' : 'f32be'

export interface DecodeRequest {
  readonly decoders: string
  readonly sampleRateHz: number
  readonly channels: number
  readonly maxDurationS: number
  readonly maxCpuS: number
}

/** Writes the first audio stream to stdout: 32-bit floats in this machine's byte order, channels interleaved. */
export function decodeCommand(tools: FfmpegTools, input: InputFile, request: DecodeRequest): ChildCommand {
  const { decoders, sampleRateHz, channels, maxDurationS, maxCpuS } = request
  const reading = ['-v', 'error', '-nostdin', '-threads', '1', '-codec_whitelist', decoders, ...inputArguments(input)]
  const picking = ['-map', '0:a:0', '-vn', '-sn', '-dn', '-t', String(maxDurationS)]
  // Said although it is the source's own: a stream that changes on its way keeps to what it began with.
  const shape = ['-ac', String(channels), '-ar', String(sampleRateHz), '-f', SAMPLE_FORMAT]
  // Written when ffmpeg's buffer is full, not after each packet: a quarter of the reads, half of the time they take.
  const writing = ['-flush_packets', '0', 'pipe:1']
  return limitedCommand(tools, 'ffmpeg', [...reading, ...picking, ...shape, ...writing], maxCpuS)
}
