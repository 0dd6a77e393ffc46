/** The one entry of the engine: a recording's samples in, everything that is said about it out. Pure: no I/O. */
import type { Analysis, Interval, PitchTrack } from '../domain/result.ts'
import type { CreateRealFft } from './fft.ts'
import { trackIntensity } from './intensity.ts'
import { integratedLoudness } from './loudness.ts'
import { findStretches, type Stretch } from './pauses.ts'
import { type PitchOptions, trackPitch } from './pitch.ts'
import { assessQuality, soundingS } from './quality.ts'
import { resample } from './resample.ts'
import { signalToNoiseDb } from './signal-to-noise.ts'
import type { Sound } from './sound.ts'
import { quantile, semitonesBetween } from './statistics.ts'
import { findSyllableNuclei } from './syllables.ts'
import { outline } from './waveform.ts'

/** A decoded recording. */
export interface Recording {
  /** Mono, at the source's rate or at `HIGHEST_RATE_HZ` of the mode. */
  readonly sound: Sound
  readonly codec: string
  /** Of the source. */
  readonly sampleRateHz: number
  readonly channels: number
  /** Share of the source's samples at full scale, 0–1. */
  readonly clippingRatio: number
  /** The highest peak of any of the source's channels, in dB re full scale; null for digital silence, or when unknown. */
  readonly truePeakDbtp: number | null
  /** The file ended early or held values that are no samples. */
  readonly damaged: boolean
}

export interface AnalyseOptions {
  readonly createFft: CreateRealFft
  readonly pitch?: Partial<PitchOptions>
  /** Called from time to time, with 0–1 and a short sentence. */
  readonly onProgress?: (share: number, message: string) => void
  /** Called at least every few hundred frames; throws to stop the analysis. */
  readonly checkAborted?: () => void
}

/**
 * Recordings of higher rates are brought down to this first. What `robust` looks at is all below 4 kHz; `praat` keeps
 * the source's samples, because noise above 8 kHz does sway Praat's decisions about voicing.
 */
export const HIGHEST_RATE_HZ: Readonly<Record<PitchOptions['mode'], number>> = { robust: 16_000, praat: 48_000 }

/** Loudness is measured at no more than this in either mode, so that the mode does not change it. */
const LOUDNESS_RATE_HZ = 16_000

/** With fewer voiced frames the outer twentieths are single frames, and say nothing about a range. */
const LEAST_FRAMES_OF_RANGE = 20

/** Shares of the whole work, as they were measured. */
const PITCH_SHARE = 0.8

export function analyse(recording: Recording, options: AnalyseOptions): Analysis {
  const { sound } = recording
  const { createFft, onProgress = () => {}, checkAborted = () => {} } = options
  const pitch = trackPitch(sound, createFft, options.pitch, (share) => {
    checkAborted()
    onProgress(share * PITCH_SHARE, 'Tracking pitch')
  })
  const intensity = trackIntensity(sound, (share) => {
    checkAborted()
    onProgress(PITCH_SHARE + share * (1 - PITCH_SHARE), 'Measuring intensity')
  })
  const integratedLufs = integratedLoudness(
    resample(sound, Math.min(sound.sampleRateHz, LOUDNESS_RATE_HZ)),
    checkAborted,
  )
  const stretches = intensity && findStretches(intensity, sound.durationS)
  const { clippingRatio, damaged, truePeakDbtp } = recording
  onProgress(1, 'Measuring intensity')
  return {
    durationS: sound.durationS,
    codec: recording.codec,
    sampleRateHz: recording.sampleRateHz,
    channels: recording.channels,
    quality: assessQuality({
      durationS: sound.durationS,
      clippingRatio,
      damaged,
      intensity,
      stretches,
      signalToNoiseDb: intensity && signalToNoiseDb(intensity, pitch),
      voicedS: pitch.f0Hz.reduce((sum, f0) => sum + (f0 > 0 ? pitch.stepS : 0), 0),
    }),
    loudness: { integratedLufs, truePeakDbtp },
    pitch: { ...pitch, ...describePitch(pitch) },
    intensity,
    waveform: outline(sound),
    timing: {
      speechS: stretches && soundingS(stretches),
      pauses: stretches ? pausesOf(stretches) : [],
      nucleiS: intensity && findSyllableNuclei(intensity, pitch),
    },
  }
}

/**
 * Median, range and share of the voiced frames. The range is the distance from the 5th to the 95th percentile in
 * semitones, so that single octave errors do not stretch it (the "90 % range" of Mennen, Schaeffler & Docherty 2012,
 * JASA 131: 2249–2260).
 */
export function describePitch({ f0Hz }: PitchTrack): {
  medianHz: number | null
  rangeSemitones: number | null
  voicedRatio: number | null
} {
  const voiced = f0Hz.filter((f0) => f0 > 0)
  const low = quantile(voiced, 0.05)
  const high = quantile(voiced, 0.95)
  const enough = voiced.length >= LEAST_FRAMES_OF_RANGE && low !== null && high !== null
  return {
    medianHz: quantile(voiced, 0.5),
    rangeSemitones: enough ? semitonesBetween(low, high) : null,
    voicedRatio: f0Hz.length === 0 ? null : voiced.length / f0Hz.length,
  }
}

/** Silence between two sounding stretches; what comes before the first and after the last is no pause. */
function pausesOf(stretches: readonly Stretch[]): Interval[] {
  return stretches
    .slice(1, -1)
    .filter(({ sounding }) => !sounding)
    .map(({ startS, endS }) => ({ startS, endS }))
}
