/** Real files of every coding, made by the system's ffmpeg from an example recording. */
import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'

export const SPEECH = new URL('../../examples/recordings/queue-en.wav', import.meta.url).pathname

export interface Coding {
  readonly name: string
  readonly extension: string
  /** Of ffmpeg, between the input and the output. */
  readonly args: readonly string[]
  /** ffmpeg's name of it, as results show it. */
  readonly codec: string
  readonly ratesHz: readonly number[]
  /** What ffmpeg leaves of the encoder's delay at the beginning, in samples: where no head says how long it is. */
  readonly delaySamples?: number
  readonly isLossless?: boolean
}

const ALL_RATES = [8000, 44_100, 48_000, 96_000, 192_000]
const OPUS = { codec: 'opus', ratesHz: [48_000], args: ['-c:a', 'libopus', '-b:a', '48k'] }
const AAC = { codec: 'aac', args: ['-c:a', 'aac', '-b:a', '96k'] }
const FRAGMENTED = ['-movflags', 'frag_keyframe+empty_moov', '-frag_duration', '200000']

export const CODINGS: readonly Coding[] = [
  { name: 'MP3', extension: 'mp3', args: ['-b:a', '64k'], codec: 'mp3', ratesHz: [8000, 44_100, 48_000] },
  { name: 'MP3 VBR', extension: 'vbr.mp3', args: ['-q:a', '5'], codec: 'mp3', ratesHz: [44_100] },
  {
    name: 'MP3 without a Xing head',
    extension: 'bare.mp3',
    args: ['-b:a', '64k', '-write_xing', '0', '-id3v2_version', '0'],
    codec: 'mp3',
    ratesHz: [44_100],
    delaySamples: 1105,
  },
  { name: 'FLAC', extension: 'flac', args: [], codec: 'flac', ratesHz: ALL_RATES, isLossless: true },
  {
    name: 'FLAC of 24 bits',
    extension: '24.flac',
    args: ['-sample_fmt', 's32'],
    codec: 'flac',
    ratesHz: [96_000],
    isLossless: true,
  },
  {
    name: 'FLAC in Ogg',
    extension: 'oga',
    args: ['-c:a', 'flac'],
    codec: 'flac',
    ratesHz: [44_100],
    isLossless: true,
  },
  { name: 'Vorbis', extension: 'ogg', args: ['-c:a', 'libvorbis'], codec: 'vorbis', ratesHz: ALL_RATES },
  { name: 'Opus in Ogg', extension: 'opus', ...OPUS },
  { name: 'Opus in WebM', extension: 'webm', ...OPUS },
  { name: 'Opus in WebM as a browser streams it', extension: 'live.webm', ...OPUS, args: [...OPUS.args, '-live', '1'] },
  { name: 'Opus in MP4', extension: 'opus.mp4', ...OPUS },
  { name: 'Vorbis in Matroska', extension: 'mka', args: ['-c:a', 'libvorbis'], codec: 'vorbis', ratesHz: [44_100] },
  { name: 'AAC in M4A', extension: 'm4a', ...AAC, ratesHz: [8000, 44_100, 48_000, 96_000] },
  {
    name: 'AAC in fragmented MP4',
    extension: 'frag.mp4',
    ...AAC,
    args: [...AAC.args, ...FRAGMENTED],
    ratesHz: [44_100],
    delaySamples: 1024,
  },
  { name: 'AAC in ADTS', extension: 'aac', ...AAC, ratesHz: [44_100, 48_000], delaySamples: 1024 },
  {
    name: 'ALAC in M4A',
    extension: 'alac.m4a',
    args: ['-c:a', 'alac'],
    codec: 'alac',
    ratesHz: ALL_RATES,
    isLossless: true,
  },
  { name: 'AIFF', extension: 'aiff', args: [], codec: 'pcm_s16be', ratesHz: [44_100], isLossless: true },
  { name: 'ALAC in CAF', extension: 'caf', args: ['-c:a', 'alac'], codec: 'alac', ratesHz: [48_000], isLossless: true },
  { name: 'ADPCM in WAV', extension: 'wav', args: ['-c:a', 'adpcm_ms'], codec: 'adpcm_ms', ratesHz: [44_100] },
]

const WAV_RATES = [8000, 44_100, 96_000]
const WAV_CODECS = ['u8', 's16le', 's24le', 's32le', 'f32le', 'f64le', 'mulaw', 'alaw'].map((name) => `pcm_${name}`)

/** What our own reader reads. ffmpeg writes WAVE_FORMAT_EXTENSIBLE above 48 kHz, and for more than 16 bits. */
export const WAV_CODINGS: readonly Coding[] = WAV_CODECS.map((codec) => ({
  name: `WAV, ${codec}`,
  extension: `${codec}.wav`,
  args: ['-c:a', codec],
  codec,
  ratesHz: WAV_RATES,
}))

export interface CodedFile {
  readonly coding: Coding
  readonly sampleRateHz: number
  readonly channels: number
  readonly path: string
  /** What was encoded: 16-bit WAV of the same rate and channels. */
  readonly originalPath: string
}

/**
 * Each coding at each of its rates, and in stereo at two (the second channel is later and softer): so many seconds of
 * speech.
 */
export function makeCodedFiles(folder: string, seconds: number, codings = CODINGS): CodedFile[] {
  const kinds = ALL_RATES.map((sampleRateHz) => ({ sampleRateHz, channels: 1 }))
  for (const sampleRateHz of [44_100, 48_000]) kinds.push({ sampleRateHz, channels: 2 })
  return kinds.flatMap(({ sampleRateHz, channels }) => {
    const originalPath = join(folder, `original-${sampleRateHz}-${channels}.wav`)
    const mix = channels === 1 ? [] : ['-af', 'pan=stereo|c0=c0|c1=0.5*c0,adelay=0|7']
    ffmpeg(['-i', SPEECH, '-t', `${seconds}`, ...mix, '-ar', `${sampleRateHz}`, '-c:a', 'pcm_s16le', originalPath])
    const files = codings
      .filter(({ ratesHz }) => ratesHz.includes(sampleRateHz))
      .map((coding) => {
        const path = join(folder, `${sampleRateHz}-${channels}.${coding.extension}`)
        return { coding, sampleRateHz, channels, path, originalPath }
      })
    ffmpeg(['-i', originalPath, ...files.flatMap(({ coding, path }) => [...coding.args, path])])
    return files
  })
}

/** What ffmpeg itself decodes each file to: interleaved floats at the file's own rate and channels. */
export function decodeByFfmpeg(folder: string, paths: readonly string[]): Float32Array[] {
  const outputs = paths.map((_, i) => join(folder, `reference-${i}.f32`))
  const inputs = paths.flatMap((path) => ['-i', path])
  ffmpeg([...inputs, ...outputs.flatMap((output, i) => ['-map', `${i}:a:0`, '-f', 'f32le', output])])
  return outputs.map((output) => new Float32Array(new Uint8Array(readFileSync(output)).buffer))
}

/** Runs ffmpeg; throws what it says when it fails. */
export function ffmpeg(args: readonly string[]): void {
  const end = spawnSync('ffmpeg', ['-v', 'error', '-nostdin', '-y', ...args], { encoding: 'utf8', timeout: 60_000 })
  if (end.status !== 0) throw new Error(`ffmpeg ${args.join(' ')}\n${end.stderr}`)
}
