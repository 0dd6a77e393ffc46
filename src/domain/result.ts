/** The result of an analysis: what the engine returns, and its wire shape. */

/** Learner-facing faults of a recording. */
export interface Quality {
  /** Share of samples at full scale, 0–1. */
  readonly clippingRatio: number
  /** Share of the duration that is silence, 0–1; null when the recording is too short to tell. */
  readonly silenceRatio: number | null
  /** Keys of the table of flags in src/analysis/quality.ts. */
  readonly flags: readonly string[]
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
  /** Null when the recording is shorter than one window. */
  readonly intensity: IntensityTrack | null
  readonly timing: {
    /** Seconds that are not silent; null without an intensity track. */
    readonly speechS: number | null
    /** Silences between two sounding stretches: those at the recording's ends are not among them. */
    readonly pauses: readonly Interval[]
  }
}

/** Changes with every change of the engine that can change a figure. */
export const ANALYSIS_VERSION = '0.1.0'

/** The wire shape of a result (version 1), ready for `JSON.stringify`. */
export function toResult(ref: { jobId: string | null; tokenId: string | null }, analysis: Analysis) {
  const { pitch, intensity, quality, timing } = analysis
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
      flags: quality.flags,
    },
    loudness: null,
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
    timing: {
      speech_s: roundOrNull(timing.speechS, 6),
      pauses: timing.pauses.map(({ startS, endS }) => ({ start_s: round(startS, 6), end_s: round(endS, 6) })),
      syllables: null,
      syllables_per_s: null,
      articulation_rate: null,
    },
    comparison: ref.tokenId === null ? null : noComparison(ref.tokenId, 'no-reference'),
  }
}
export type Result = ReturnType<typeof toResult>

function noComparison(tokenId: string, reason: string) {
  return { token_id: tokenId, score: null, reason, components: null, alignment: [], intervals: [] }
}

function roundOrNull(value: number | null, digits: number): number | null {
  return value === null ? null : round(value, digits)
}

function round(value: number, digits: number): number {
  const scale = 10 ** digits
  return Math.round(value * scale) / scale
}
