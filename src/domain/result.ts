/** The result of an analysis: what the engine returns, and its wire shape. */
import { type Comparison, toWireComparison } from './comparison.ts'

/** Learner-facing faults of a recording. */
export interface Quality {
  /** Share of samples at full scale, 0–1. */
  readonly clippingRatio: number
  /** Share of the duration that is silence, 0–1; null when the recording is too short to tell. */
  readonly silenceRatio: number | null
  /** Voice over background noise in dB, at most 100; null when there is no voice, or nothing but voice. */
  readonly signalToNoiseDb: number | null
  /** Keys of the table of flags in src/analysis/quality.ts. */
  readonly flags: readonly string[]
  /** What a learner can do about it: a sentence for each flag. */
  readonly advice: readonly string[]
}

export interface PitchTrack {
  readonly mode: 'praat' | 'robust'
  /** Time of the first frame's centre, in seconds. */
  readonly startS: number
  readonly stepS: number
  /** One value per frame in Hz; 0 where the frame is unvoiced. */
  readonly f0Hz: Float64Array
  readonly floorHz: number
  readonly ceilingHz: number
}

export interface IntensityTrack {
  readonly startS: number
  readonly stepS: number
  /** One value per frame in dB re 2e-5 Pa. */
  readonly valuesDb: Float64Array
}

/** The outline of the sound: how far it swings in each of the equal stretches that a recording is divided into. */
export interface Waveform {
  /** Length of one stretch. */
  readonly stepS: number
  /** The highest absolute sample of each stretch, 0–1 of full scale. */
  readonly peaks: readonly number[]
}

export interface Interval {
  readonly startS: number
  readonly endS: number
}

/** What the engine says of one recording. A part that could not be computed is null, never invented. */
export interface Analysis {
  readonly durationS: number
  readonly codec: string
  /** Of the source, before resampling. */
  readonly sampleRateHz: number
  readonly channels: number
  readonly quality: Quality
  readonly pitch: PitchTrack & {
    /** Null when no frame is voiced. */
    readonly medianHz: number | null
    /** From the 5th to the 95th percentile of the voiced frames; null when there are too few. */
    readonly rangeSemitones: number | null
    /** Share of frames that are voiced, 0–1; null when the recording is shorter than one window. */
    readonly voicedRatio: number | null
  }
  readonly loudness: {
    /** ITU-R BS.1770-4; null when shorter than 400 ms or silent. */
    readonly integratedLufs: number | null
    /** Of the source, before channels are mixed; null for digital silence, or when it was not measured. */
    readonly truePeakDbtp: number | null
  }
  /** Null when the recording is shorter than one window. */
  readonly intensity: IntensityTrack | null
  /** Null when there is no sample at all. */
  readonly waveform: Waveform | null
  readonly timing: {
    /** Seconds that are not silent; null without an intensity track. */
    readonly speechS: number | null
    /** Silences between two sounding stretches: those at the recording's ends are not among them. */
    readonly pauses: readonly Interval[]
    /** Times of the syllable nuclei, rising; null without an intensity track. */
    readonly nucleiS: readonly number[] | null
  }
}

/** Changes with every change of the engine that can change a figure. */
export const ANALYSIS_VERSION = '0.3.0'

/** What a result is of; `comparison` is absent where there was no reference. */
export interface ResultRef {
  readonly jobId: string | null
  readonly tokenId: string | null
  readonly comparison?: Comparison | undefined
}

/** The wire shape of a result (version 1), ready for `JSON.stringify`. */
export function toResult(ref: ResultRef, analysis: Analysis) {
  const { pitch, intensity, waveform, quality, timing } = analysis
  return {
    version: 1,
    analysis_version: ANALYSIS_VERSION,
    job_id: ref.jobId,
    token_id: ref.tokenId,
    duration_s: round(analysis.durationS, 6),
    codec: analysis.codec,
    sample_rate_hz: analysis.sampleRateHz,
    channels: analysis.channels,
    quality: {
      clipping_ratio: round(quality.clippingRatio, 6),
      silence_ratio: roundOrNull(quality.silenceRatio, 4),
      snr_db: roundOrNull(quality.signalToNoiseDb, 1),
      flags: quality.flags,
      advice: quality.advice,
    },
    loudness: {
      integrated_lufs: roundOrNull(analysis.loudness.integratedLufs, 2),
      true_peak_dbtp: roundOrNull(analysis.loudness.truePeakDbtp, 2),
    },
    pitch: {
      mode: pitch.mode,
      start_s: round(pitch.startS, 9),
      step_s: pitch.stepS,
      f0_hz: Array.from(pitch.f0Hz, (f0) => (f0 > 0 ? round(f0, 5) : null)),
      floor_hz: pitch.floorHz,
      ceiling_hz: pitch.ceilingHz,
      median_hz: roundOrNull(pitch.medianHz, 5),
      range_semitones: roundOrNull(pitch.rangeSemitones, 4),
      voiced_ratio: roundOrNull(pitch.voicedRatio, 4),
    },
    intensity: intensity && {
      start_s: round(intensity.startS, 9),
      step_s: intensity.stepS,
      values_db: Array.from(intensity.valuesDb, (db) => round(db, 3)),
    },
    // Two digits, whatever the level: a quiet recording has an outline too.
    waveform: waveform && {
      step_s: round(waveform.stepS, 9),
      peaks: waveform.peaks.map((peak) => Number(Math.min(1, peak).toPrecision(2))),
    },
    timing: {
      speech_s: roundOrNull(timing.speechS, 6),
      pauses: timing.pauses.map(({ startS, endS }) => ({ start_s: round(startS, 6), end_s: round(endS, 6) })),
      ...rates(timing, analysis.durationS),
    },
    comparison: comparisonOf(ref),
  }
}
export type Result = ReturnType<typeof toResult>

/**
 * Syllables per second of the whole recording (speech rate) and of the time that is not silent (articulation rate:
 * "number of syllables / phonation time", de Jong & Wempe 2009). Silences count from 0.1 s on here, from 0.3 s on there.
 */
function rates({ nucleiS, speechS }: Analysis['timing'], durationS: number) {
  const syllables = nucleiS === null ? null : nucleiS.length
  return {
    syllables,
    syllables_per_s: syllables === null ? null : round(syllables / durationS, 4),
    articulation_rate: syllables === null || !speechS ? null : round(syllables / speechS, 4),
  }
}

/** Null when nothing was asked for: neither a token nor a reference. */
function comparisonOf({ tokenId, comparison }: ResultRef) {
  if (comparison !== undefined) return toWireComparison(tokenId, comparison)
  return tokenId === null ? null : toWireComparison(tokenId, { score: null, reason: 'no-reference' })
}

function roundOrNull(value: number | null, digits: number): number | null {
  return value === null ? null : round(value, digits)
}

function round(value: number, digits: number): number {
  const scale = 10 ** digits
  return Math.round(value * scale) / scale
}
