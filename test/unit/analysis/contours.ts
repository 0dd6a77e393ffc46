/** Melodies of known content for the tests of comparison. */
import type { PitchContour } from '../../../src/analysis/pitch-file.ts'
import type { Reference } from '../../../src/analysis/reference.ts'
import type { TextGrid } from '../../../src/analysis/text-grid.ts'

const STEP_S = 0.01

/** Semitones above 200 Hz at a time; undefined where unvoiced. */
export type Tune = (timeS: number) => number | undefined

export function contourOf(durationS: number, tune: Tune, medianHz = 200): PitchContour {
  const f0Hz = Float64Array.from({ length: Math.round(durationS / STEP_S) }, (_, i) => {
    const semitones = tune((i + 0.5) * STEP_S)
    return semitones === undefined ? 0 : medianHz * 2 ** (semitones / 12)
  })
  return { startS: STEP_S / 2, stepS: STEP_S, f0Hz }
}

/** A sentence: syllables with consonants and a few pauses between them, and a melody such as speech has. */
export function sentence(seed: number): { readonly durationS: number; readonly tune: Tune } {
  let state = seed * 7919
  const random = () => {
    state = (state * 1_103_515_245 + 12_345) % 2 ** 31
    return state / 2 ** 31
  }
  const syllables: { from: number; to: number }[] = []
  let at = 0.1
  for (let i = 0; i < 14; i++) {
    const to = at + 0.08 + 0.22 * random()
    syllables.push({ from: at, to })
    at = to + 0.04 + 0.1 * random() + (i % 5 === 4 ? 0.15 : 0)
  }
  // Accents on about every other syllable, over a line that falls slowly and then, at the end, deep.
  const accents = syllables
    .filter(() => random() < 0.6)
    .map(({ from, to }) => ({
      peakS: from + (to - from) * random(),
      size: 3 + 4 * random(),
      width: 0.08 + 0.12 * random(),
    }))
  const endS = at
  const tune: Tune = (timeS) => {
    if (!syllables.some(({ from, to }) => timeS >= from && timeS < to)) return undefined
    const line = -timeS - 5 * Math.exp(-(((endS - timeS) / 0.25) ** 2))
    return accents.reduce(
      (sum, { peakS, size, width }) => sum + size * Math.exp(-(((timeS - peakS) / width) ** 2)),
      line,
    )
  }
  return { durationS: at + 0.1, tune }
}

export function referenceOf(pitch: PitchContour | null, textGrid: TextGrid | null = null): Reference {
  return { pitch, mode: 'robust', textGrid }
}

export function imitationOf(pitch: PitchContour) {
  return { durationS: pitch.f0Hz.length * pitch.stepS, pitch }
}
