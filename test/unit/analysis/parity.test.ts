/** Agreement with Praat: against figures that are kept, and against the program itself where it is installed. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { trackIntensity } from '../../../src/analysis/intensity.ts'
import { findStretches } from '../../../src/analysis/pauses.ts'
import { trackPitch } from '../../../src/analysis/pitch.ts'
import type { Sound } from '../../../src/analysis/sound.ts'
import { quantile } from '../../../src/analysis/statistics.ts'
import { loadFft } from '../../../src/media/fft.ts'
import { askPraat, keptFigures, type PraatFigures, praatVersion, soundsWithFigures } from './praat.ts'
import { glide, noise, quantised, soundOf } from './signals.ts'

const createFft = await loadFft()
const figures = keptFigures()

for (const [name, sound] of Object.entries(soundsWithFigures())) {
  test(`pitch mode praat gives Praat's figures for ${name}`, () => assertPitch(sound, figures[name]!))
  test(`intensity and silences are Praat's for ${name}`, () => assertIntensity(sound, figures[name]!))
}

const installed = praatVersion()
test('figures agree with the Praat that is installed, on a sound that was never kept', {
  skip: installed === undefined && 'the program praat is not installed',
}, () => {
  const hiss = noise(0.03, 77)
  const voice = glide(95, 210, 2.2, 0.08)
  const sound = quantised(soundOf(2.2, 22_050, (timeS) => (timeS % 1 < 0.7 ? voice(timeS) : 0) + hiss()))
  const own = askPraat(sound)
  assertPitch(sound, own)
  assertIntensity(sound, own)
})

function assertPitch(sound: Sound, { pitch }: PraatFigures): void {
  const track = trackPitch(sound, createFft, { mode: 'praat' })
  assert.equal(track.f0Hz.length, pitch.f0Hz.length)
  assert.ok(Math.abs(track.startS - pitch.startS) < 1e-8)
  assert.ok(Math.abs(track.stepS - pitch.stepS) < 1e-8)
  const agreeing = track.f0Hz.filter((f0, i) => f0 > 0 === pitch.f0Hz[i]! > 0).length
  assert.ok(agreeing >= 0.999 * pitch.f0Hz.length, `voicing agrees in ${agreeing} of ${pitch.f0Hz.length} frames`)
  const cents = track.f0Hz
    .map((f0, i) => (f0 > 0 && pitch.f0Hz[i]! > 0 ? Math.abs(1200 * Math.log2(f0 / pitch.f0Hz[i]!)) : Number.NaN))
    .filter((value) => !Number.isNaN(value))
  assert.ok(quantile(cents, 0.5)! < 0.01, `median ${quantile(cents, 0.5)} cents`)
  assert.ok(quantile(cents, 0.95)! < 0.1, `95th percentile ${quantile(cents, 0.95)} cents`)
}

function assertIntensity(sound: Sound, { intensity, stretches }: PraatFigures): void {
  const track = trackIntensity(sound)!
  assert.equal(track.valuesDb.length, intensity.valuesDb.length)
  assert.ok(Math.abs(track.startS - intensity.startS) < 1e-8)
  for (const [i, db] of track.valuesDb.entries()) assert.ok(Math.abs(db - intensity.valuesDb[i]!) < 1e-3)
  const found = findStretches(track, sound.durationS)
  assert.deepEqual(
    found.map(({ sounding }) => sounding),
    stretches.map(({ sounding }) => sounding),
  )
  for (const [i, { endS }] of found.entries()) assert.ok(Math.abs(endS - stretches[i]!.endS) < 1e-6)
}
