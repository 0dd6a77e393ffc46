/** What a recording itself leaves to be desired, in words that help a learner to make a better one. */
import type { IntensityTrack, Quality } from '../domain/result.ts'
import type { Stretch } from './pauses.ts'

/** Every flag that a result may carry, and the sentence for it. */
export const QUALITY_FLAGS = {
  clipping: 'The recording is overdriven: move away from the microphone or turn its level down.',
  'too-quiet': 'The recording is very quiet: come closer to the microphone or turn its level up.',
  'mostly-silence': 'Most of the recording is silence: start to speak soon after you press record.',
  'too-short': 'The recording is too short to say much about it: record at least one whole word.',
  'no-voice': 'No voice was found: check that the right microphone is chosen, and speak aloud.',
  'too-noisy': 'There is much noise behind your voice: record in a quieter place, or closer to the microphone.',
  damaged: 'The file is damaged or cut off: only what could be read was analysed.',
} as const
export type QualityFlag = keyof typeof QUALITY_FLAGS

/** One sample in a thousand at full scale can be heard; single ones are only a well-used range. */
const CLIPPING_RATIO = 0.001
/** Of the sounding part, 44 dB below full scale: 18 dB below the nominal −26 dB of ITU-T P.56 speech levels. */
const TOO_QUIET_DB = 50
const MOSTLY_SILENCE_RATIO = 0.75
/** Shorter than nearly every spoken word. */
const TOO_SHORT_S = 0.25
/** Below this, noise is heard in every pause, and voiced consonants begin to be lost in it. */
const TOO_NOISY_DB = 15
/** Of what sounds; trackers find a voiced frame here and there in any noise. Speech has more than a third. */
const NO_VOICE_RATIO = 0.03

export interface Evidence {
  readonly durationS: number
  /** Share of samples at full scale, 0–1. */
  readonly clippingRatio: number
  /** The file ended early or held values that are no samples. */
  readonly damaged: boolean
  /** Both null when the recording is shorter than one window. */
  readonly intensity: IntensityTrack | null
  readonly stretches: readonly Stretch[] | null
  readonly signalToNoiseDb: number | null
  /** Seconds with a pitch. */
  readonly voicedS: number
}

export function assessQuality(evidence: Evidence): Quality {
  const { durationS, clippingRatio, intensity, stretches, signalToNoiseDb } = evidence
  const speechS = stretches === null ? null : soundingS(stretches)
  const silenceRatio = speechS === null ? null : Math.max(0, 1 - speechS / durationS)
  const level = intensity === null || stretches === null ? null : soundingLevelDb(intensity, stretches)
  const found: Record<QualityFlag, boolean> = {
    clipping: clippingRatio >= CLIPPING_RATIO,
    'too-quiet': level !== null && level < TOO_QUIET_DB,
    'mostly-silence': silenceRatio !== null && silenceRatio > MOSTLY_SILENCE_RATIO,
    'too-short': durationS < TOO_SHORT_S,
    'no-voice': speechS !== null && evidence.voicedS < NO_VOICE_RATIO * speechS,
    'too-noisy': signalToNoiseDb !== null && signalToNoiseDb < TOO_NOISY_DB,
    damaged: evidence.damaged,
  }
  const flags = (Object.keys(found) as QualityFlag[]).filter((flag) => found[flag])
  const advice = flags.map((flag) => QUALITY_FLAGS[flag])
  return { clippingRatio, silenceRatio, signalToNoiseDb, flags, advice }
}

/** Seconds that are not silence. */
export function soundingS(stretches: readonly Stretch[]): number {
  return stretches.reduce((sum, { startS, endS, sounding }) => sum + (sounding ? endS - startS : 0), 0)
}

/** Mean power of the sounding frames in dB; −∞ when nothing sounds. */
function soundingLevelDb({ startS, stepS, valuesDb }: IntensityTrack, stretches: readonly Stretch[]): number {
  let power = 0
  let count = 0
  for (const stretch of stretches) {
    if (!stretch.sounding) continue
    const first = Math.max(0, Math.ceil((stretch.startS - startS) / stepS))
    const end = Math.min(valuesDb.length, Math.ceil((stretch.endS - startS) / stepS))
    for (let i = first; i < end; i++, count++) power += 10 ** (valuesDb[i]! / 10)
  }
  return count === 0 ? Number.NEGATIVE_INFINITY : 10 * Math.log10(power / count)
}
