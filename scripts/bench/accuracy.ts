/** How right the engine is: against the truth where it is known, and against Praat and ffmpeg on the same samples. */
import { analyse, HIGHEST_RATE_HZ } from '../../src/analysis/analyse.ts'
import type { CreateRealFft } from '../../src/analysis/fft.ts'
import { trackIntensity } from '../../src/analysis/intensity.ts'
import { findStretches } from '../../src/analysis/pauses.ts'
import { trackPitch } from '../../src/analysis/pitch.ts'
import type { Sound } from '../../src/analysis/sound.ts'
import type { Analysis } from '../../src/domain/result.ts'
import { decodeFile } from '../../src/media/decode.ts'
import type { Figures } from './figures.ts'
import { type Item, SETS } from './material.ts'
import { createPitchErrors, type PitchErrors } from './pitch-errors.ts'
import type { PraatFigures, PraatTrack } from './praat.ts'

/** An item with what the engine, and Praat where it is here, say of it. */
export interface Judged extends Item {
  /** At the rate of the file. */
  readonly sound: Sound
  readonly analysis: Analysis
  readonly praat: PraatFigures | undefined
}

export async function judge(items: readonly Item[], praat: readonly PraatFigures[] | undefined, fft: CreateRealFft) {
  const judged: Judged[] = []
  for (const [i, item] of items.entries()) {
    const { sound } = await decodeFile(item.path, { maxDurationS: 3600, highestRateHz: HIGHEST_RATE_HZ.praat })
    const recording = await decodeFile(item.path, { maxDurationS: 3600, highestRateHz: HIGHEST_RATE_HZ.robust })
    judged.push({ ...item, sound, analysis: analyse(recording, { createFft: fft }), praat: praat?.[i] })
  }
  return judged
}

/** Errors of a track against the truth, frame by frame. */
function errorsAgainstTruth(trueF0Hz: Float64Array, { startS, stepS, values }: PraatTrack): PitchErrors {
  const errors = createPitchErrors()
  for (const [i, f0] of values.entries()) {
    errors.add(trueF0Hz[Math.round(1000 * (startS + i * stepS))] ?? 0, f0)
  }
  return errors
}

function pooled(all: readonly PitchErrors[]): PitchErrors {
  const sum = createPitchErrors()
  for (const errors of all) sum.addAll(errors)
  return sum
}

/** Mode `robust`, and Praat where it is here, against the exact F0. */
export function reportTruth(judged: readonly Judged[], figures: Figures): void {
  const known = judged.filter(({ trueF0Hz }) => trueF0Hz !== undefined)
  const own = known.map(({ trueF0Hz, analysis: { pitch } }) =>
    errorsAgainstTruth(trueF0Hz!, { ...pitch, values: pitch.f0Hz }),
  )
  const all = pooled(own)
  const percent = { unit: '%', bound: 'most' } as const
  figures.add({ name: 'truth/robust-gross-error', value: all.percent.gross, target: 0.5, ...percent })
  figures.add(
    { name: 'truth/robust-frame-error', value: all.percent.frame, target: 5, ...percent },
    { frames: all.frames, voicing_error: all.percent.voicing, median_cents: all.medianCents },
  )
  if (known.some(({ praat }) => praat === undefined)) return
  const others = known.map(({ trueF0Hz, praat }) => errorsAgainstTruth(trueF0Hz!, praat!.pitch))
  const ratioWhere = (wanted: (item: Judged) => boolean) => {
    const [ours, theirs] = [own, others].map((errors) => pooled(errors.filter((_, i) => wanted(known[i]!))))
    const [frameError, praatFrameError] = [ours!.percent.frame, theirs!.percent.frame]
    return {
      value: frameError / praatFrameError,
      more: { frame_error: frameError, praat_frame_error: praatFrameError },
    }
  }
  const ratio = { unit: 'x Praat', bound: 'most' } as const
  const spoken = known.some(({ set }) => set === 'resynthesised')
  if (!spoken) figures.say('  without espeak-ng there is no speech whose F0 is known: frame errors are those of vowels')
  const overall = ratioWhere(() => true)
  if (spoken)
    figures.add({ name: 'truth/robust-frame-error-ratio', value: overall.value, target: 0.65, ...ratio }, overall.more)
  for (const set of SETS) {
    if (!known.some((item) => item.set === set)) continue
    const noisy = ratioWhere((item) => item.set === set && item.condition === 'white-5')
    figures.add(
      { name: `truth/robust-frame-error-ratio-5-db/${set}`, value: noisy.value, target: 1 / 3, ...ratio },
      noisy.more,
    )
  }
}

/** Mode `praat` against Praat's own pitch, for each kind of material. */
export function reportParity(judged: readonly Judged[], createFft: CreateRealFft, figures: Figures): void {
  let worstTimeS = 0
  const errorsOf = ({ sound, praat }: Judged) => {
    const track = trackPitch(sound, createFft, { mode: 'praat' })
    const { startS, stepS, values } = praat!.pitch
    const last = values.length - 1
    const off = [track.f0Hz.length - values.length, track.startS - startS, last * (track.stepS - stepS)]
    worstTimeS = Math.max(worstTimeS, ...off.map(Math.abs))
    const errors = createPitchErrors()
    for (const [i, f0] of values.entries()) errors.add(f0, track.f0Hz[i] ?? 0)
    return errors
  }
  for (const set of SETS) {
    const items = judged.filter((item) => item.set === set && item.praat !== undefined)
    if (items.length === 0) continue
    const { percent, medianCents, meanCents, frames } = pooled(items.map(errorsOf))
    const name = (figure: string) => `praat/${figure}/${set}`
    const more = { frames }
    figures.add(
      { name: name('voicing-agreement'), value: 100 - percent.voicing, unit: '%', target: 99.9, bound: 'least' },
      more,
    )
    figures.add({ name: name('gross-error'), value: percent.gross, unit: '%', target: 0.05, bound: 'most' }, more)
    figures.add(
      { name: name('median-difference'), value: medianCents, unit: 'cents', target: 0.01, bound: 'most' },
      more,
    )
    figures.add({ name: name('mean-difference'), value: meanCents, unit: 'cents', target: 0.5, bound: 'most' }, more)
  }
  figures.add({ name: 'praat/frame-times', value: worstTimeS, unit: 's', target: 1e-6, bound: 'most' })
}

/** Intensity and silences against Praat's. */
export function reportIntensity(judged: readonly Judged[], figures: Figures): void {
  let [worstDb, worstMs, frames, different] = [0, 0, 0, 0]
  for (const { sound, praat } of judged) {
    const track = trackIntensity(sound)!
    const { values } = praat!.intensity
    if (values.length !== track.valuesDb.length) worstDb = Number.MAX_VALUE
    for (const [i, db] of values.entries()) worstDb = Math.max(worstDb, Math.abs(db - track.valuesDb[i]!))
    frames += values.length
    const own = findStretches(track, sound.durationS)
    const same =
      own.length === praat!.stretches.length && own.every((one, i) => one.sounding === praat!.stretches[i]!.sounding)
    if (!same) different++
    else
      for (const [i, { endS }] of own.entries())
        worstMs = Math.max(worstMs, 1000 * Math.abs(endS - praat!.stretches[i]!.endS))
  }
  figures.add({ name: 'praat/intensity', value: worstDb, unit: 'dB', target: 0.001, bound: 'most' }, { frames })
  const files = { files: judged.length }
  figures.add({ name: 'praat/silences-that-differ', value: different, unit: 'files', target: 0, bound: 'most' }, files)
  figures.add({ name: 'praat/silence-boundaries', value: worstMs, unit: 'ms', target: 1, bound: 'most' }, files)
}

/** Mean relative error of the syllable count, over all sentences whose syllables are known. */
export function reportSyllables(judged: readonly Judged[], figures: Figures): void {
  const counted = judged.filter(({ syllables }) => syllables !== undefined)
  if (counted.length === 0) return
  const errors = counted.map(({ syllables, analysis }) => Math.abs(analysis.timing.nucleiS!.length / syllables! - 1))
  const mean = (100 * errors.reduce((sum, error) => sum + error, 0)) / errors.length
  figures.add(
    { name: 'truth/syllables', value: mean, unit: '%', target: 10, bound: 'most' },
    { sentences: errors.length },
  )
}
