/**
 * F0 by the autocorrelation method of Boersma (1993), "Accurate short-term analysis of the fundamental frequency and
 * the harmonics-to-noise ratio of a sampled sound", Proceedings of the Institute of Phonetic Sciences, Amsterdam 17:
 * 97–110. Conventions that the paper leaves open (where frames lie, how windows are rounded, the local mean over one
 * longest period to either side) were chosen by comparing figures with the program Praat from outside.
 */
import type { PitchTrack } from '../domain/result.ts'
import { type Autocorrelation, createAutocorrelation, gaussianWindow, hanningWindow } from './autocorrelation.ts'
import type { CreateRealFft } from './fft.ts'
import { lowPass } from './low-pass.ts'
import { type CandidateList, createCandidateList } from './pitch-path.ts'
import { createPeakFinder, type Peak, parabolicPeak } from './sinc-peak.ts'
import { type Checkpoint, type FrameGrid, frameGrid, type Sound } from './sound.ts'

/** The parameters of Praat's `To Pitch (raw ac)`, by their names there. */
export interface PitchOptions {
  /** `praat` aims at the same figures as Praat; `robust` filters the sound first and errs less in noise. */
  readonly mode: 'praat' | 'robust'
  /** Seconds between frames; 0 stands for 0.75 / pitch floor. */
  readonly timeStepS: number
  readonly pitchFloorHz: number
  /** Including the unvoiced one. */
  readonly maxNumberOfCandidates: number
  /** A Gaussian window of twice the length. */
  readonly veryAccurate: boolean
  /** Frames whose peak is below this share of the whole recording's peak are probably silent. */
  readonly silenceThreshold: number
  /** Strength of the unvoiced candidate. */
  readonly voicingThreshold: number
  /** Per octave, in favour of high candidates. */
  readonly octaveCost: number
  /** Per octave between frames 10 ms apart. */
  readonly octaveJumpCost: number
  /** Per change of voicing between frames 10 ms apart. */
  readonly voicedUnvoicedCost: number
  readonly pitchCeilingHz: number
}

export const PITCH_DEFAULTS: PitchOptions = {
  mode: 'robust',
  timeStepS: 0,
  pitchFloorHz: 75,
  maxNumberOfCandidates: 15,
  veryAccurate: false,
  silenceThreshold: 0.03,
  voicingThreshold: 0.45,
  octaveCost: 0.01,
  octaveJumpCost: 0.35,
  voicedUnvoicedCost: 0.14,
  pitchCeilingHz: 600,
}

/** Ranks maxima where there are too many; the other one then finds their exact place and height. */
const COARSE_FINDER = createPeakFinder(30)
const FINE_DEPTH = 70
const FINE_FINDER = createPeakFinder(FINE_DEPTH)
const FRAMES_PER_CHECKPOINT = 256

/** No frames when the recording is shorter than one window (40 ms by default). */
export function trackPitch(
  sound: Sound,
  createFft: CreateRealFft,
  options: Partial<PitchOptions> = {},
  checkpoint: Checkpoint = () => {},
): PitchTrack {
  const settings = { ...PITCH_DEFAULTS, ...options }
  const { mode, pitchFloorHz, pitchCeilingHz } = settings
  const periodsPerWindow = settings.veryAccurate ? 6 : 3
  const windowS = periodsPerWindow / pitchFloorHz
  const grid = frameGrid(sound.durationS, windowS, settings.timeStepS || 0.75 / pitchFloorHz)
  const track = { mode, startS: grid.startS, stepS: grid.stepS, floorHz: pitchFloorHz, ceilingHz: pitchCeilingHz }
  if (grid.count === 0) return { ...track, f0Hz: new Float64Array(0) }
  const source = mode === 'robust' ? lowPass(sound, () => checkpoint(0)) : sound
  return { ...track, f0Hz: trackFrames(source, grid, settings, createFft, checkpoint) }
}

function trackFrames(
  sound: Sound,
  grid: FrameGrid,
  settings: PitchOptions,
  createFft: CreateRealFft,
  checkpoint: Checkpoint,
): Float64Array {
  const globalPeak = peakAroundMean(sound.samples)
  if (globalPeak === 0) return new Float64Array(grid.count)
  const perTenMs = 0.01 / grid.stepS
  const candidates = createCandidateList(grid.count, {
    ...settings,
    octaveJumpCost: settings.octaveJumpCost * perTenMs,
    voicedUnvoicedCost: settings.voicedUnvoicedCost * perTenMs,
    ceilingHz: settings.pitchCeilingHz,
  })
  // A strength of 1 cannot outweigh two changes of voicing: there the frame is unvoiced whatever it holds.
  const surelyUnvoiced = 1 + 2 * settings.voicedUnvoicedCost * perTenMs
  const frames = createFrames(sound, settings, globalPeak, createFft)
  for (let i = 0; i < grid.count; i++) {
    if (i % FRAMES_PER_CHECKPOINT === 0) checkpoint(i / grid.count)
    const frame = frames.locate(grid.startS + i * grid.stepS)
    const unvoiced = unvoicedStrength(frame.peak / globalPeak, settings)
    candidates.beginFrame(unvoiced)
    if (unvoiced < surelyUnvoiced) frames.addCandidates(candidates)
  }
  return candidates.bestPath()
}

/** Boersma (1993), equation 23. */
function unvoicedStrength(relativePeak: number, { voicingThreshold, silenceThreshold }: PitchOptions): number {
  if (silenceThreshold <= 0) return voicingThreshold
  const silence = 2 - (Math.min(1, relativePeak) * (1 + voicingThreshold)) / silenceThreshold
  return voicingThreshold + Math.max(0, silence)
}

/** The largest distance from the mean; 0 for silence and for a constant, whatever rounding leaves of it. */
function peakAroundMean(samples: Float32Array): number {
  let sum = 0
  let low = Number.POSITIVE_INFINITY
  let high = Number.NEGATIVE_INFINITY
  for (let i = 0; i < samples.length; i++) {
    const value = samples[i]!
    sum += value
    if (value < low) low = value
    if (value > high) high = value
  }
  const mean = sum / samples.length
  const peak = Math.max(high - mean, mean - low)
  return peak > 1e-7 * Math.max(Math.abs(low), Math.abs(high)) ? peak : 0
}

interface Geometry {
  /** Samples of the window, always even: half of them lie to either side of the frame's time. */
  readonly windowLength: number
  readonly periodLength: number
  readonly longestLag: number
  /** Lags at which the autocorrelation is reliable, and computed. */
  readonly lags: number
}

function geometryOf(sound: Sound, { mode, pitchFloorHz, veryAccurate }: PitchOptions): Geometry {
  const periodS = 1 / sound.sampleRateHz
  const periodsPerWindow = veryAccurate ? 6 : 3
  const half = Math.floor(Math.floor(periodsPerWindow / pitchFloorHz / periodS) / 2) - 1
  const windowLength = Math.max(4, 2 * half)
  const longestLag = Math.floor(windowLength / periodsPerWindow) + 1
  // Praat goes no further than this; at low rates that cuts the interpolation short, which `robust` need not copy.
  const reliable = Math.max(2, Math.floor(windowLength * (veryAccurate ? 0.25 : 0.5)))
  const lags = mode === 'praat' ? reliable : Math.min(windowLength - 1, Math.max(reliable, longestLag + FINE_DEPTH + 2))
  return { windowLength, periodLength: Math.floor(1 / periodS / pitchFloorHz), longestLag, lags }
}

/** Looks at one frame after the other: where it is and how loud, then what F0 it may have. */
function createFrames(sound: Sound, settings: PitchOptions, globalPeak: number, createFft: CreateRealFft) {
  const { samples } = sound
  const periodS = 1 / sound.sampleRateHz
  const geometry = geometryOf(sound, settings)
  const { windowLength, periodLength } = geometry
  const window = settings.veryAccurate ? gaussianWindow(windowLength) : hanningWindow(windowLength)
  const autocorrelation = createAutocorrelation(window, geometry.lags, createFft)
  const maxima = createMaxima(sound.sampleRateHz, settings, geometry, autocorrelation)
  const frame = { start: 0, mean: 0, peak: 0 }
  return {
    locate(timeS: number) {
      // Frames often lie exactly on a sample: dividing by the period and the 1 settle rounding as Praat's figures show.
      const left = Math.floor((timeS - sound.firstSampleS) / periodS + 1) - 1
      frame.start = left + 1 - windowLength / 2
      frame.mean = meanOf(samples, left + 1 - periodLength, left + periodLength)
      const reach = Math.min(windowLength / 2, Math.floor(periodLength / 2) + 1)
      frame.peak = 0
      for (let i = windowLength / 2 - reach; i < windowLength / 2 + reach; i++) {
        const value = Math.abs((samples[frame.start + i]! - frame.mean) * window[i]!)
        if (value > frame.peak) frame.peak = value
      }
      return frame
    },
    addCandidates(list: CandidateList) {
      const values = autocorrelation.compute(samples, frame.start, frame.mean, 1 / globalPeak)
      if (values !== undefined) maxima.add(values, list)
    },
  }
}

function meanOf(samples: Float32Array, first: number, last: number): number {
  let sum = 0
  for (let i = first; i <= last; i++) sum += samples[i]!
  return sum / (last - first + 1)
}

/** Finds the maxima of an autocorrelation that are worth being a candidate. */
function createMaxima(rateHz: number, settings: PitchOptions, geometry: Geometry, { lags }: Autocorrelation) {
  const places =
    Math.max(settings.maxNumberOfCandidates, Math.floor(settings.pitchCeilingHz / settings.pitchFloorHz)) - 1
  const threshold = 0.5 * settings.voicingThreshold
  const longestLag = Math.min(geometry.longestLag, lags - 1)
  const peak: Peak = { position: 0, height: 0 }
  return {
    add(values: Float64Array, list: CandidateList): void {
      let found: number[] = []
      for (let at = lags + 2; at <= lags + longestLag; at++) {
        const value = values[at]!
        if (value > threshold && value > values[at - 1]! && value >= values[at + 1]!) found.push(at)
      }
      if (found.length > places) found = strongest(found, values, lags, places, settings.octaveCost)
      for (const at of found) {
        FINE_FINDER.find(values, at, peak)
        const frequencyHz = rateHz / (peak.position - lags)
        // Above the ceiling a candidate stands for "unvoiced", which the frame has already.
        if (frequencyHz >= settings.pitchCeilingHz) continue
        list.addVoiced(frequencyHz, peak.height > 1 ? 1 / peak.height : peak.height)
      }
    },
  }
}

/** The maxima to keep when there are more than places (Boersma 1993, equation 24). */
function strongest(found: number[], values: Float64Array, lags: number, places: number, octaveCost: number): number[] {
  const ranked = found.map((at) => {
    const height = COARSE_FINDER.estimate(values, at)
    const penalty = octaveCost * Math.log2(parabolicPeak(values, at) - lags)
    return { at, worth: (height > 1 ? 1 / height : height) - penalty }
  })
  return ranked
    .sort((a, b) => b.worth - a.worth)
    .slice(0, places)
    .map(({ at }) => at)
}
