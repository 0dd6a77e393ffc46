/** Loudness and true peak against ffmpeg's filter ebur128, on the same samples. */
import { join } from 'node:path'
import { integratedLoudness } from '../../src/analysis/loudness.ts'
import { resample } from '../../src/analysis/resample.ts'
import { createPeakMeter } from '../../src/analysis/true-peak.ts'
import { decodeFile } from '../../src/media/decode.ts'
import type { Judged } from './accuracy.ts'
import type { Figures } from './figures.ts'
import { run } from './programs.ts'
import { writeWav } from './wav-writer.ts'

const RATE_HZ = 16_000
const WHOLE = { maxDurationS: 3600, highestRateHz: Number.POSITIVE_INFINITY }

export async function reportLoudness(judged: readonly Judged[], folder: string, figures: Figures): Promise<void> {
  let [worstLu, worstDb, files] = [0, 0, 0]
  for (const { sound, path } of judged) {
    const resampled = join(folder, 'loudness.wav')
    writeWav(resampled, resample(sound, RATE_HZ).samples, RATE_HZ)
    const { samples } = (await decodeFile(resampled, WHOLE)).sound
    const own = integratedLoudness({ ...sound, samples, sampleRateHz: RATE_HZ })
    const theirs = await ebur128(resampled, 'I')
    // Where we say nothing the filter says −70.
    worstLu = Math.max(worstLu, Math.abs((own ?? -70) - (theirs ?? -70)))
    const peaks = createPeakMeter(1)
    peaks.push(sound.samples, sound.samples.length)
    const theirPeak = await ebur128(path, 'true_peak')
    worstDb = Math.max(worstDb, theirPeak === undefined ? 0 : Math.abs(peaks.truePeakDbtp()! - theirPeak))
    files++
  }
  figures.add({ name: 'ffmpeg/loudness', value: worstLu, unit: 'LU', target: 0.1, bound: 'most' }, { files })
  figures.add({ name: 'ffmpeg/true-peak', value: worstDb, unit: 'dB', target: 0.5, bound: 'most' }, { files })
}

/** What the filter says at the end, to 0.001; undefined when it says nothing. True peaks come as gains. */
async function ebur128(path: string, key: 'I' | 'true_peak'): Promise<number | undefined> {
  const name = key === 'I' ? 'lavfi.r128.I' : 'lavfi.r128.true_peaks_ch0'
  const filter = `ebur128=metadata=1:peak=${key === 'I' ? 'none' : 'true'},ametadata=mode=print:key=${name}:file=-`
  const { stdout } = await run('ffmpeg', ['-v', 'error', '-nostdin', '-i', path, '-af', filter, '-f', 'null', '-'])
  const values = stdout
    .matchAll(new RegExp(`^${name.replaceAll('.', '\\.')}=(.+)$`, 'gm'))
    .map(([, value]) => Number(value))
  const answers = [...values].filter(Number.isFinite)
  if (answers.length === 0) return undefined
  return key === 'I' ? answers.at(-1) : 20 * Math.log10(Math.max(...answers))
}
