import assert from 'node:assert/strict'
import { test } from 'node:test'
import { trackIntensity } from '../../../src/analysis/intensity.ts'
import { trackPitch } from '../../../src/analysis/pitch.ts'
import type { Sound } from '../../../src/analysis/sound.ts'
import { findSyllableNuclei } from '../../../src/analysis/syllables.ts'
import { loadFft } from '../../../src/media/fft.ts'
import { glide, noise, sine, soundOf } from './signals.ts'

const createFft = await loadFft()

function nucleiOf(sound: Sound): number[] {
  return findSyllableNuclei(trackIntensity(sound)!, trackPitch(sound, createFft))
}

/** So many swells of a voice, each followed by near silence. */
function syllables(count: number, perSecond: number, noiseAmplitude = 0.001): Sound {
  const durationS = count / perSecond + 0.4
  const voice = glide(140, 110, durationS)
  const hiss = noise(noiseAmplitude, 3)
  return soundOf(durationS, 16_000, (timeS) => {
    const phase = (timeS - 0.2) * perSecond
    const swell = phase > 0 && phase < count ? Math.sin(Math.PI * (phase % 1)) ** 2 : 0
    return swell * voice(timeS) + hiss()
  })
}

for (const [count, perSecond] of [
  [1, 4],
  [5, 3],
  [12, 5],
  [21, 7],
] as const) {
  test(`${count} swells of a voice at ${perSecond} per second are ${count} syllables, at their tops`, () => {
    const nuclei = nucleiOf(syllables(count, perSecond))
    assert.equal(nuclei.length, count)
    for (const [i, timeS] of nuclei.entries()) assert.ok(Math.abs(timeS - 0.2 - (i + 0.5) / perSecond) < 0.03)
  })
}

test('noise between and under the syllables does not add any', () => {
  assert.equal(nucleiOf(syllables(10, 4, 0.02)).length, 10)
})

test('a swell that dips by less than 2 dB is one syllable, by more it is two', () => {
  const dipped = (depth: number) => {
    const at = (timeS: number) => 1 - depth * Math.exp(-(((timeS - 0.5) / 0.06) ** 2))
    return nucleiOf(soundOf(1, 16_000, (timeS) => Math.sin(Math.PI * timeS) * at(timeS) * glide(130, 130, 1)(timeS)))
  }
  assert.equal(dipped(0.1).length, 1)
  assert.equal(dipped(0.7).length, 2)
})

test('bursts of noise are no syllables, however loud', () => {
  const hiss = noise(0.5, 7)
  const sound = soundOf(2, 16_000, (timeS) => {
    const swell = Math.max(0, Math.sin(2 * Math.PI * 2 * timeS))
    return timeS < 1 ? swell * hiss() : 0.3 * swell * sine(150)(timeS)
  })
  assert.equal(nucleiOf(sound).length, 2)
})

test('silence has none, one steady tone has one at the most', () => {
  assert.deepEqual(nucleiOf(soundOf(1, 16_000, () => 0)), [])
  assert.ok(nucleiOf(soundOf(1, 16_000, sine(150))).length <= 1)
})
