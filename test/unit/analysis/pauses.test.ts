import assert from 'node:assert/strict'
import { test } from 'node:test'
import { trackIntensity } from '../../../src/analysis/intensity.ts'
import { findStretches } from '../../../src/analysis/pauses.ts'
import { createSound } from '../../../src/analysis/sound.ts'
import { sine, soundOf } from './signals.ts'

function stretchesOf(levels: string, stepS = 0.01) {
  const valuesDb = Float64Array.from(levels, (level) => (level === '#' ? 70 : 30))
  return findStretches({ startS: 0.005, stepS, valuesDb }, levels.length * stepS).map(
    ({ startS, endS, sounding }) => `${sounding ? '#' : '.'} ${startS.toFixed(3)} ${endS.toFixed(3)}`,
  )
}

test('a full-scale sine has the level that physics gives it', () => {
  const { valuesDb } = trackIntensity(soundOf(0.5, 16_000, sine(200, 1)))!
  for (const db of valuesDb) assert.ok(Math.abs(db - 10 * Math.log10(0.5 / 4e-10)) < 0.01)
})

test('a constant counts for nothing, and silence is −300 dB', () => {
  for (const db of trackIntensity(soundOf(0.2, 16_000, () => 0))!.valuesDb) assert.equal(db, -300)
  for (const db of trackIntensity(soundOf(0.2, 16_000, () => 0.25))!.valuesDb) assert.equal(db, -300)
})

test('a recording shorter than one window has no intensity', () => {
  for (const length of [0, 1, 1023]) assert.equal(trackIntensity(createSound(new Float32Array(length), 16_000)), null)
  assert.equal(trackIntensity(createSound(new Float32Array(1024), 16_000))!.valuesDb.length, 1)
})

test('stretches cover the recording without gaps, a boundary at the first frame of the new state', () => {
  assert.deepEqual(stretchesOf(`${'.'.repeat(20)}${'#'.repeat(30)}${'.'.repeat(20)}`), [
    '. 0.000 0.205',
    '# 0.205 0.505',
    '. 0.505 0.700',
  ])
})

test('short sounding stretches are given up before short silent ones', () => {
  const silence = '.'.repeat(6)
  assert.deepEqual(stretchesOf(`${'#'.repeat(20)}${silence}##${silence}${'#'.repeat(20)}`), [
    '# 0.000 0.205',
    '. 0.205 0.345',
    '# 0.345 0.540',
  ])
  assert.deepEqual(stretchesOf(`${'#'.repeat(20)}${silence}${'#'.repeat(20)}`), ['# 0.000 0.460'])
})

test('digital silence is one silent stretch, and a steady tone one sounding one', () => {
  const of = (at: (timeS: number) => number) => {
    const sound = soundOf(1, 16_000, at)
    return findStretches(trackIntensity(sound)!, sound.durationS)
  }
  assert.deepEqual(
    of(() => 0),
    [{ startS: 0, endS: 1, sounding: false }],
  )
  assert.deepEqual(of(sine(200)), [{ startS: 0, endS: 1, sounding: true }])
})
