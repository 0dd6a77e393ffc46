/** Decoding: the same samples as ffmpeg's own, at the time they were recorded, and how long ten minutes take. */
import { join } from 'node:path'
import { HIGHEST_RATE_HZ } from '../../src/analysis/analyse.ts'
import type { CreateRealFft } from '../../src/analysis/fft.ts'
import { quantile } from '../../src/analysis/statistics.ts'
import { decodeFile } from '../../src/media/decode.ts'
import type { Judged } from './accuracy.ts'
import { CODINGS, decodeByFfmpeg, ffmpeg, makeCodedFiles, WAV_CODINGS } from './codings.ts'
import type { Figures } from './figures.ts'
import { run } from './programs.ts'
import { lagOf, largestDifference, meanOfChannels } from './samples.ts'
import { writeSpeech } from './speed.ts'

const SECONDS = 1.5
const RATE_HZ = HIGHEST_RATE_HZ.robust
/** Deviations from a known delay are looked for up to here: far beyond what is right. */
const FURTHEST_SAMPLES = 20
const AS_IS = { maxDurationS: 3600, highestRateHz: Number.POSITIVE_INFINITY }

const DURATION_S = 600
const ROUNDS = 7
/** Of one microphone, as it is uploaded; WAV has two channels besides. */
const LONG_FILES: readonly (readonly [name: string, extension: string, ...args: string[]])[] = [
  ['mp3', 'mp3', '-b:a', '64k'],
  ['flac', 'flac'],
  ['vorbis', 'ogg', '-c:a', 'libvorbis'],
  ['opus-webm', 'webm', '-c:a', 'libopus', '-b:a', '32k', '-compression_level', '0'],
  ['aac-m4a', 'm4a', '-c:a', 'aac', '-b:a', '64k'],
]

/** Every format at every rate, against what ffmpeg decodes and against what was encoded. */
export async function reportDecoding(folder: string, createFft: CreateRealFft, figures: Figures): Promise<void> {
  const files = makeCodedFiles(folder, SECONDS, [...CODINGS, ...WAV_CODINGS])
  const paths = files.map(({ path }) => path)
  const references = decodeByFfmpeg(folder, paths)
  const analysed = { ...AS_IS, highestRateHz: RATE_HZ, createFft }
  let [difference, deviation] = [0, 0]
  for (const [i, { coding, path, originalPath, channels, sampleRateHz }] of files.entries()) {
    const { sound } = await decodeFile(path, AS_IS)
    difference = Math.max(difference, largestDifference(sound.samples, meanOfChannels(references[i]!, channels)))
    const [low, original] = [await decodeFile(path, analysed), await decodeFile(originalPath, analysed)]
    const rateHz = low.sound.sampleRateHz
    const known = ((coding.delaySamples ?? 0) * rateHz) / sampleRateHz
    const lag = lagOf(low.sound.samples, original.sound.samples, Math.ceil(known) + FURTHEST_SAMPLES)
    deviation = Math.max(deviation, (Math.abs(lag - known) * RATE_HZ) / rateHz)
  }
  const more = { formats: new Set(files.map(({ coding }) => coding.name)).size, files: files.length }
  // What cannot be compared is written down as a number: JSON has no infinity.
  const value = Math.min(difference, Number.MAX_VALUE)
  figures.add({ name: 'decoding/samples-equal', value, unit: 'of full scale', target: 1e-6, bound: 'most' }, more)
  figures.add({ name: 'decoding/delay', value: deviation, unit: 'samples', target: 1, bound: 'most' }, more)
}

/** The whole way of a long file to what the analysis takes; and the time of ffmpeg's command line for the same. */
export async function reportDecodingSpeed(
  judged: readonly Judged[],
  folder: string,
  createFft: CreateRealFft,
  figures: Figures,
): Promise<void> {
  const [mono, stereo] = [join(folder, 'long.wav'), join(folder, 'long-stereo.wav')]
  writeSpeech(mono, judged, DURATION_S, 48_000)
  writeSpeech(stereo, judged, DURATION_S, 48_000, 2)
  const files = [{ name: 'wav', path: stereo, channels: 2 }]
  for (const [name, extension, ...args] of LONG_FILES) {
    const path = join(folder, `long.${extension}`)
    ffmpeg(['-i', mono, ...args, path])
    files.push({ name, path, channels: 1 })
  }
  const options = { maxDurationS: 3600, highestRateHz: RATE_HZ, createFft }
  const timings = files.map((file) => ({ ...file, own: [] as number[], theirs: [] as number[], cpuMs: 0 }))
  // Round by round, not file by file: a slow phase of the machine is then nobody's alone.
  for (let round = 0; round < ROUNDS; round++)
    for (const timing of timings) {
      const cpuBefore = process.cpuUsage()
      timing.own.push(await timeMs(() => decodeFile(timing.path, options)))
      const { user, system } = process.cpuUsage(cpuBefore)
      timing.cpuMs += (user + system) / 1000
      const cli = ['-v', 'error', '-nostdin', '-y', '-i', timing.path, '-ac', '1', '-ar', `${RATE_HZ}`, '-f', 'f32le']
      timing.theirs.push(await timeMs(() => run('ffmpeg', [...cli, '/dev/null'])))
    }
  for (const { name, channels, own, theirs, cpuMs } of timings) {
    const [value, ffmpegMs] = [median(own), median(theirs)]
    const more = { source: `48 kHz, ${channels} channel(s)`, rounds: ROUNDS, ffmpeg_ms: ffmpegMs }
    // Without the child's: what our own thread does while ffmpeg decodes on another core.
    const cost = { ffmpeg_ratio: value / ffmpegMs, cpu_ms: cpuMs / ROUNDS }
    const time = { name: `decoding/10-min/${name}`, value, unit: 'ms', target: 1500 }
    figures.add({ ...time, bound: 'most' }, { ...more, ...cost })
  }
}

async function timeMs(work: () => Promise<unknown>): Promise<number> {
  const began = performance.now()
  await work()
  return performance.now() - began
}

function median(values: readonly number[]): number {
  return quantile(Float64Array.from(values), 0.5)!
}
