/** What the pitch trackers are judged by: voices whose F0 is known exactly, because it made them. */
import type { Random } from './random.ts'

/** A mono signal and its F0 every millisecond, from 0 on; 0 where there is no voice. */
export interface Voice {
  readonly name: string
  readonly samples: Float64Array
  readonly sampleRateHz: number
  readonly f0Hz: Float64Array
}

interface Speaker {
  readonly lowHz: number
  readonly highHz: number
  /** Scales the formants, as a shorter vocal tract does. */
  readonly formants: number
}

/** F0 by the share of the vowel that is over (0–1) and the time since its beginning. */
type Contour = (share: number, timeS: number) => number

const SPEAKERS: Readonly<Record<string, Speaker>> = {
  man: { lowHz: 85, highHz: 160, formants: 1 },
  woman: { lowHz: 160, highHz: 300, formants: 1.15 },
  child: { lowHz: 230, highHz: 480, formants: 1.3 },
}

const CONTOURS: Readonly<Record<string, (speaker: Speaker, random: Random) => Contour>> = {
  steady: (speaker, random) => {
    const f0Hz = pitchAt(speaker, random.next())
    return () => f0Hz
  },
  vibrato: (speaker, random) => {
    const f0Hz = pitchAt(speaker, 0.2 + 0.6 * random.next())
    const rateHz = 4.5 + 2 * random.next()
    const octaves = (30 + 90 * random.next()) / 1200
    return (_, timeS) => f0Hz * 2 ** (octaves * Math.sin(2 * Math.PI * rateHz * timeS))
  },
  glide: (speaker, random) => {
    const from = pitchAt(speaker, random.next())
    const to = pitchAt(speaker, random.next())
    return (share) => from * (to / from) ** share
  },
  accent: (speaker, random) => {
    const base = pitchAt(speaker, 0.45)
    const height = 0.35 * random.next()
    const place = random.next()
    const jitter = (timeS: number) => 0.004 * Math.sin(2 * Math.PI * 31 * timeS)
    return (share, timeS) =>
      base * 2 ** (0.15 - 0.3 * share + height * Math.exp(-(((share - place) / 0.18) ** 2)) + jitter(timeS))
  },
}

/** First three formants in Hz of five vowels (after Peterson & Barney 1952, rounded). */
const VOWELS = [
  [800, 1200, 2500],
  [300, 2200, 3000],
  [320, 800, 2400],
  [500, 1800, 2500],
  [600, 1000, 2550],
] as const

const RATE_HZ = 44_100
const DURATION_S = 8
const EDGE_S = 0.012
/** Spectra move slowly: gains of harmonics are worked out anew after so many samples. */
const GAIN_INTERVAL = 64
const HIGHEST_HARMONIC_HZ = 5000
/** What a quiet room leaves. */
const FLOOR = 1e-4
const PEAK = 0.6

/** Every speaker with every kind of contour: vowels that glide into one another's place, hiss and pauses between. */
export function synthesise(random: Random): Voice[] {
  return Object.entries(SPEAKERS).flatMap(([who, speaker]) =>
    Object.entries(CONTOURS).map(([how, contour]) => speak(`${who}-${how}`, speaker, contour, random)),
  )
}

function pitchAt({ lowHz, highHz }: Speaker, share: number): number {
  return lowHz * (highHz / lowHz) ** share
}

function speak(
  name: string,
  speaker: Speaker,
  contourOf: (speaker: Speaker, random: Random) => Contour,
  random: Random,
): Voice {
  const voice = {
    name,
    samples: new Float64Array(DURATION_S * RATE_HZ),
    sampleRateHz: RATE_HZ,
    f0Hz: new Float64Array(1000 * DURATION_S + 1),
  }
  let vowel = Math.floor(random.next() * VOWELS.length)
  for (let timeS = 0.3; timeS < DURATION_S - 1; ) {
    const endS = timeS + 0.12 + 0.7 * random.next()
    addVowel(voice, timeS, Math.min(endS, DURATION_S - 0.3), vowel++, speaker, contourOf(speaker, random))
    const gapS = 0.04 + 0.2 * random.next()
    const kind = random.next()
    if (kind < 0.6) addHiss(voice, endS + 0.005, endS + gapS, random)
    timeS = endS + gapS + (kind > 0.85 ? 0.35 : 0)
  }
  for (let i = 0; i < voice.samples.length; i++) voice.samples[i]! += FLOOR * random.normal()
  return { ...voice, samples: scaledTo(voice.samples, PEAK) }
}

function addVowel(voice: Voice, startS: number, endS: number, vowel: number, speaker: Speaker, contour: Contour): void {
  const first = Math.round(startS * RATE_HZ)
  const count = Math.round(endS * RATE_HZ) - first
  const from = VOWELS[vowel % VOWELS.length]!
  const to = VOWELS[(vowel + 2) % VOWELS.length]!
  let gains: number[] = []
  let phase = 0
  for (let i = 0; i < count; i++) {
    const share = i / count
    const f0Hz = contour(share, i / RATE_HZ)
    phase += (2 * Math.PI * f0Hz) / RATE_HZ
    if (i % GAIN_INTERVAL === 0) {
      const formants = from.map((hz, k) => (hz + (to[k]! - hz) * share) * speaker.formants)
      gains = Array.from({ length: Math.floor(HIGHEST_HARMONIC_HZ / f0Hz) }, (_, h) => gainAt((h + 1) * f0Hz, formants))
    }
    let sum = 0
    for (const [h, gain] of gains.entries()) sum += (gain / (h + 1)) * Math.cos((h + 1) * phase + 0.35 * (h + 1) ** 2)
    voice.samples[first + i]! += 0.12 * sum * edgeAt(i, count) * (0.7 + 0.3 * Math.sin(Math.PI * share))
  }
  for (let ms = Math.ceil(startS * 1000); ms <= endS * 1000; ms++) {
    const timeS = ms / 1000 - startS
    voice.f0Hz[ms] = contour(timeS / (endS - startS), timeS)
  }
}

/** The gain of a cascade of resonances (Fant 1960), 1 at 0 Hz. */
function gainAt(hz: number, formants: readonly number[]): number {
  return formants.reduce((gain, centre) => {
    const quarter = (60 + 0.05 * centre) ** 2 / 4
    return (gain * (centre ** 2 + quarter)) / Math.sqrt(((hz - centre) ** 2 + quarter) * ((hz + centre) ** 2 + quarter))
  }, 1)
}

function addHiss({ samples }: Voice, startS: number, endS: number, random: Random): void {
  const first = Math.round(startS * RATE_HZ)
  const count = Math.round(endS * RATE_HZ) - first
  let before = 0
  for (let i = 0; i < count; i++) {
    const value = random.normal()
    samples[first + i]! += 0.04 * (value - 0.9 * before) * edgeAt(i, count)
    before = value
  }
}

function edgeAt(i: number, count: number): number {
  const ramp = EDGE_S * RATE_HZ
  return Math.max(0, Math.min(1, i / ramp, (count - i) / ramp))
}

export function scaledTo(samples: Float64Array, peak: number): Float64Array {
  const highest = samples.reduce((most, value) => Math.max(most, Math.abs(value)), 0)
  return samples.map((value) => (value * peak) / highest)
}
