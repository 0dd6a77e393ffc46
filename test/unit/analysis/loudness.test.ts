import assert from 'node:assert/strict'
import { test } from 'node:test'
import { integratedLoudness, kWeighting } from '../../../src/analysis/loudness.ts'
import { createSound } from '../../../src/analysis/sound.ts'
import { noise, sine, soundOf } from './signals.ts'

const dbfs = (level: number) => 10 ** (level / 20)

test('the filters at 48 kHz are those that the recommendation lists', () => {
  const [shelf, highPass] = kWeighting(48_000)
  const listed = { b0: 1.53512485958697, b1: -2.69169618940638, b2: 1.19839281085285, a1: -1.69065929318241 }
  for (const [name, value] of Object.entries({ ...listed, a2: 0.73248077421585 })) {
    assert.ok(Math.abs(shelf[name as 'b0'] - value) < 1e-7, `shelf ${name}`)
  }
  for (const [name, value] of Object.entries({ b0: 1, b1: -2, b2: 1, a1: -1.99004745483398, a2: 0.99007225036621 })) {
    assert.ok(Math.abs(highPass[name as 'b0'] - value) < 1e-7, `high-pass ${name}`)
  }
})

for (const rateHz of [8000, 11_025, 16_000, 44_100, 48_000]) {
  test(`a full-scale sine of 997 Hz in one channel is -3.01 LUFS at ${rateHz} Hz`, () => {
    const loudness = integratedLoudness(soundOf(3, rateHz, sine(997, 1)))!
    assert.ok(Math.abs(loudness + 3.01) < 0.1, `${loudness} LUFS`)
  })
}

test('what is 10 LU below the rest, or below -70 LUFS, is gated away', () => {
  const tone = (level: number) => sine(1000, dbfs(level))
  const loud = integratedLoudness(soundOf(4, 16_000, tone(-20)))!
  const withSilence = soundOf(20, 16_000, (timeS) => (timeS < 4 ? tone(-20)(timeS) : 0))
  const withMurmur = soundOf(20, 16_000, (timeS) => tone(timeS < 4 ? -20 : -45)(timeS))
  // The blocks that straddle the change are heard: three of some forty.
  for (const sound of [withSilence, withMurmur]) assert.ok(Math.abs(integratedLoudness(sound)! - loud) < 0.2)
  const half = soundOf(20, 16_000, (timeS) => tone(timeS < 10 ? -20 : -26)(timeS))
  assert.ok(Math.abs(integratedLoudness(half)! - (loud + 10 * Math.log10((1 + dbfs(-6) ** 2) / 2))) < 0.05)
})

test('too short, silent, constant or barely there is null, never minus infinity', () => {
  assert.equal(integratedLoudness(createSound(new Float32Array(0), 16_000)), null)
  assert.equal(integratedLoudness(soundOf(0.399, 16_000, sine(1000))), null)
  assert.notEqual(integratedLoudness(soundOf(0.4, 16_000, sine(1000))), null)
  assert.equal(integratedLoudness(soundOf(2, 16_000, () => 0)), null)
  assert.equal(integratedLoudness(soundOf(2, 16_000, sine(1000, dbfs(-72)))), null)
  const constant = integratedLoudness(soundOf(2, 16_000, () => 0.5))
  assert.ok(constant === null || Number.isFinite(constant))
})

test('one sample per hundred milliseconds is no special case, and neither is a rate that no tenth divides', () => {
  assert.ok(Number.isFinite(integratedLoudness(createSound(Float32Array.from({ length: 4001 }, noise(0.5)), 4001))!))
})

test('twice the amplitude is 6.02 LU more', () => {
  const at = (amplitude: number) => integratedLoudness(soundOf(2, 16_000, sine(300, amplitude)))!
  assert.ok(Math.abs(at(0.4) - at(0.2) - 6.0206) < 1e-4)
})
