/** How far the voice stands above what is heard when nobody speaks. */
import type { IntensityTrack, PitchTrack } from '../domain/result.ts'
import { quantile } from './statistics.ts'

/** What lies closer to a voiced frame is neither: the voice still sounds in its window, or a consonant does. */
const GUARD_S = 0.05
/** Of what is far from voice, the quietest part is noise alone; the rest may be consonants and breath. */
const NOISE_SHARE = 0.2
/** Less than so much without a voice says nothing about noise. */
const LEAST_NOISE_S = 0.1
/** Where the pauses are digital silence there is no noise to measure. */
const MOST_DB = 100

/**
 * Mean power of the voiced frames, less the noise, over the noise's power, in dB. The noise is taken from frames far
 * from any voice, not from silences: in loud noise there are none.
 *
 * @returns null when nothing is voiced or hardly anything is not; at most 100
 */
export function signalToNoiseDb({ startS, stepS, valuesDb }: IntensityTrack, pitch: PitchTrack): number | null {
  const voicedPowers: number[] = []
  const distantDb: number[] = []
  for (const [i, db] of valuesDb.entries()) {
    const timeS = startS + i * stepS
    if (isVoicedWithin(pitch, timeS, 0)) voicedPowers.push(10 ** (db / 10))
    else if (!isVoicedWithin(pitch, timeS, GUARD_S)) distantDb.push(db)
  }
  if (voicedPowers.length === 0 || distantDb.length * stepS < LEAST_NOISE_S) return null
  const noisePower = 10 ** (quantile(Float64Array.from(distantDb), NOISE_SHARE)! / 10)
  const voicePower = voicedPowers.reduce((sum, power) => sum + power, 0) / voicedPowers.length
  const ratio = voicePower / noisePower - 1
  return Math.min(MOST_DB, 10 * Math.log10(Math.max(1e-3, ratio)))
}

function isVoicedWithin({ startS, stepS, f0Hz }: PitchTrack, timeS: number, reachS: number): boolean {
  const first = Math.max(0, Math.round((timeS - reachS - startS) / stepS))
  const last = Math.min(f0Hz.length - 1, Math.round((timeS + reachS - startS) / stepS))
  for (let i = first; i <= last; i++) if (f0Hz[i]! > 0) return true
  return false
}
