import assert from 'node:assert/strict'
import { test } from 'node:test'
import { PITCH_DEFAULTS, trackPitch } from '../../../src/analysis/pitch.ts'
import { createSound } from '../../../src/analysis/sound.ts'
import { quantile } from '../../../src/analysis/statistics.ts'
import { loadFft } from '../../../src/media/fft.ts'
import { glide, noise, sine, soundOf } from './signals.ts'

const createFft = await loadFft()
const MODES = ['praat', 'robust'] as const

for (const mode of MODES) {
  for (const f0Hz of [80, 123.4, 220, 440, 590]) {
    test(`a sine of ${f0Hz} Hz is tracked within a cent in mode ${mode}`, () => {
      const { f0Hz: track } = trackPitch(soundOf(0.6, 16_000, sine(f0Hz)), createFft, { mode })
      assert.ok(track.length > 50)
      for (const value of track) assert.ok(Math.abs(1200 * Math.log2(value / f0Hz)) < 1, `${value} Hz`)
    })
  }

  test(`a glide is followed frame by frame in mode ${mode}`, () => {
    const track = trackPitch(soundOf(1, 22_050, glide(120, 240, 1)), createFft, { mode })
    const errors = track.f0Hz.map((f0, i) => {
      const timeS = track.startS + i * track.stepS
      return Math.abs(1200 * Math.log2(f0 / (120 + 120 * timeS)))
    })
    assert.ok(quantile(errors, 0.5)! < 5)
    assert.ok(quantile(errors, 0.95)! < 20)
  })

  test(`silence, a constant and white noise have no voice in mode ${mode}`, () => {
    const none = (at: (timeS: number) => number) =>
      trackPitch(soundOf(1, 16_000, at), createFft, { mode }).f0Hz.filter((f0) => f0 > 0).length
    assert.equal(
      none(() => 0),
      0,
    )
    assert.equal(
      none(() => 0.3),
      0,
    )
    assert.equal(
      none(() => 0.1 + 0.2),
      0,
    )
    assert.ok(none(noise(0.5)) < 10)
  })

  test(`the voice is found whatever the level in mode ${mode}`, () => {
    for (const amplitude of [1e-12, 1e-4, 1, 1000]) {
      const { f0Hz } = trackPitch(soundOf(0.5, 16_000, sine(200, amplitude)), createFft, { mode })
      assert.ok(f0Hz.every((f0) => Math.abs(f0 - 200) < 0.2))
    }
  })

  test(`an impulse, and full-scale square waves, give finite figures in mode ${mode}`, () => {
    const impulse = createSound(
      Float32Array.from({ length: 8000 }, (_, i) => (i === 4000 ? 1 : 0)),
      16_000,
    )
    const square = soundOf(0.5, 16_000, (timeS) => (Math.sin(2 * Math.PI * 150 * timeS) > 0 ? 1 : -1))
    for (const sound of [impulse, square]) {
      for (const f0 of trackPitch(sound, createFft, { mode }).f0Hz) assert.ok(f0 === 0 || (f0 > 70 && f0 < 600))
    }
  })
}

test('a recording shorter than one window has no frames, and one as long has one', () => {
  for (const length of [0, 1, 2, 639]) {
    assert.equal(trackPitch(createSound(new Float32Array(length), 16_000), createFft).f0Hz.length, 0)
  }
  assert.equal(trackPitch(createSound(new Float32Array(640), 16_000), createFft).f0Hz.length, 1)
})

test('every frame lies within the recording, at any rate', () => {
  for (const rateHz of [4000, 5512, 8000, 11_025, 16_000, 22_050]) {
    const { startS, stepS, f0Hz } = trackPitch(soundOf(0.333, rateHz, sine(200)), createFft)
    assert.ok(startS >= 0.02)
    assert.ok(startS + (f0Hz.length - 1) * stepS <= 0.333 - 0.02 + 1e-9)
    assert.ok(f0Hz.every((f0) => Math.abs(f0 - 200) < 1))
  }
})

test("Praat's parameters keep their meaning: step, floor, ceiling, silence and the Gaussian window", () => {
  const sound = soundOf(0.5, 16_000, sine(300))
  assert.equal(trackPitch(sound, createFft, { timeStepS: 0.005 }).stepS, 0.005)
  assert.equal(trackPitch(sound, createFft, { pitchFloorHz: 150 }).stepS, 0.75 / 150)
  assert.ok(trackPitch(sound, createFft, { pitchCeilingHz: 250 }).f0Hz.every((f0) => f0 < 250))
  assert.ok(trackPitch(sound, createFft, { veryAccurate: true }).f0Hz.every((f0) => Math.abs(f0 - 300) < 0.1))
  const quietTail = soundOf(1, 16_000, (timeS) => sine(200)(timeS) * (timeS > 0.5 ? 0.005 : 1))
  const voiced = (silenceThreshold: number) =>
    trackPitch(quietTail, createFft, { mode: 'praat', silenceThreshold }).f0Hz.filter((f0) => f0 > 0).length
  assert.ok(voiced(0.03) < 60)
  assert.ok(voiced(0) > 90)
})

test('more maxima than places keep the strongest ones', () => {
  const sound = soundOf(0.5, 44_100, (timeS) => sine(100)(timeS) + sine(4000)(timeS))
  for (const f0 of trackPitch(sound, createFft, { mode: 'praat', maxNumberOfCandidates: 4 }).f0Hz) {
    assert.ok(f0 === 0 || Math.abs(f0 - 100) < 1)
  }
})

test('a checkpoint hears of rising shares, and what it throws stops the work', () => {
  const sound = soundOf(6, 16_000, sine(200))
  const shares: number[] = []
  trackPitch(sound, createFft, {}, (share) => shares.push(share))
  assert.deepEqual(shares, shares.toSorted())
  assert.ok(shares.length >= 2 && shares.every((share) => share >= 0 && share < 1))
  assert.throws(
    () =>
      trackPitch(sound, createFft, {}, () => {
        throw new Error('enough')
      }),
    /enough/,
  )
})

test('the defaults are those of the field', () => {
  const { mode, ...praat } = PITCH_DEFAULTS
  assert.equal(mode, 'robust')
  assert.deepEqual(Object.values(praat), [0, 75, 15, false, 0.03, 0.45, 0.01, 0.35, 0.14, 600])
})
