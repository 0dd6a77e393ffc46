/** What a lower rate and lossy codings do to pitch: a 44.1 kHz original against the same recording after each. */
import { join } from 'node:path'
import { HIGHEST_RATE_HZ } from '../../src/analysis/analyse.ts'
import type { CreateRealFft } from '../../src/analysis/fft.ts'
import { trackPitch } from '../../src/analysis/pitch.ts'
import type { Sound } from '../../src/analysis/sound.ts'
import { decodeFile } from '../../src/media/decode.ts'
import type { Judged } from './accuracy.ts'
import { ffmpeg } from './codings.ts'
import type { Figures } from './figures.ts'
import { createPitchErrors } from './pitch-errors.ts'
import { writeSpeech } from './speed.ts'

const DURATION_S = 120
const RATE_HZ = 44_100
const LOWER_HZ = 16_000
/** Bounds against regressions, a little beyond what was seen: what a coding does to pitch is not ours to choose. */
const EXACT = { agreement: 99.8, cents: 0.1 }
const CODED = { agreement: 99, cents: 1.5 }

const CODECS: readonly (readonly [name: string, extension: string, ...args: string[]])[] = [
  ['mp3-64k', 'mp3', '-b:a', '64k'],
  ['opus-24k', 'webm', '-c:a', 'libopus', '-b:a', '24k'],
  ['aac-64k', 'm4a', '-c:a', 'aac', '-b:a', '64k'],
]

export async function reportLossy(
  judged: readonly Judged[],
  folder: string,
  createFft: CreateRealFft,
  withFfmpeg: boolean,
  figures: Figures,
): Promise<void> {
  const originalPath = join(folder, 'lossy.wav')
  const clean = judged.filter(({ condition }) => condition === 'clean' || condition === 'as recorded')
  writeSpeech(originalPath, clean, DURATION_S, RATE_HZ)
  const after = [{ name: '16-khz', path: originalPath, highestRateHz: LOWER_HZ, target: EXACT }]
  for (const [name, extension, ...args] of withFfmpeg ? CODECS : []) {
    const path = join(folder, `lossy.${extension}`)
    ffmpeg(['-i', originalPath, ...args, path])
    after.push({ name, path, highestRateHz: Number.POSITIVE_INFINITY, target: CODED })
  }
  const asIs = { maxDurationS: 3600, highestRateHz: Number.POSITIVE_INFINITY }
  const { sound: original } = await decodeFile(originalPath, asIs)
  for (const { name, path, highestRateHz, target } of after) {
    for (const mode of ['robust', 'praat'] as const) {
      const highest = Math.min(highestRateHz, HIGHEST_RATE_HZ[mode])
      const { sound } = await decodeFile(path, { maxDurationS: 3600, highestRateHz: highest, createFft })
      const errors = createPitchErrors()
      const truth = trackPitch(original, createFft, { mode }).f0Hz
      const found = trackPitch(cutTo(sound, original.durationS), createFft, { mode }).f0Hz
      for (const [i, f0] of truth.entries()) errors.add(f0, found[i] ?? 0)
      const agreement = { name: `lossy/voicing-agreement/${name}/${mode}`, value: 100 - errors.percent.voicing }
      const cents = { name: `lossy/median-difference/${name}/${mode}`, value: errors.medianCents }
      const more = { frames: errors.frames, rate_hz: sound.sampleRateHz }
      figures.add({ ...agreement, unit: '%', target: target.agreement, bound: 'least' }, more)
      figures.add({ ...cents, unit: 'cents', target: target.cents, bound: 'most' }, more)
    }
  }
}

/** Frames are laid out around the middle: what a coding adds at the end would move them all. */
function cutTo({ samples, sampleRateHz, firstSampleS }: Sound, durationS: number): Sound {
  const cut = new Float32Array(Math.round(durationS * sampleRateHz))
  cut.set(samples.subarray(0, cut.length))
  return { samples: cut, sampleRateHz, firstSampleS, durationS }
}
