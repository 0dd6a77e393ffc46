import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createResampler } from '../../../src/analysis/resample.ts'
import { noise, sine, soundOf } from './signals.ts'

const RATES_HZ = [8000, 11_025, 22_050, 32_000, 44_056, 44_100, 47_999, 48_000, 88_200, 96_000, 176_400, 192_000]

function resample(samples: Float32Array, fromHz: number, toHz: number, blockLength = 1000): Float32Array {
  const resampler = createResampler(fromHz, toHz)
  const parts: number[] = []
  for (let i = 0; i < samples.length; i += blockLength) {
    parts.push(...resampler.push(samples.subarray(i, i + blockLength)))
  }
  return Float32Array.from([...parts, ...resampler.end()])
}

for (const rateHz of RATES_HZ) {
  test(`a tone keeps its time, level and length from ${rateHz} Hz to 16 kHz`, () => {
    const tone = sine(997, 0.5)
    const output = resample(soundOf(0.25, rateHz, tone).samples, rateHz, 16_000)
    assert.equal(output.length, 4000)
    for (let i = 100; i < 3900; i++) assert.ok(Math.abs(output[i]! - tone((i + 0.5) / 16_000)) < 2e-4)
  })
}

test('what lies above the new Nyquist frequency is gone by 70 dB', () => {
  for (const f0Hz of [8500, 10_000, 15_000, 21_000]) {
    const output = resample(soundOf(0.2, 48_000, sine(f0Hz, 1)).samples, 48_000, 16_000).subarray(200, 3000)
    const power = output.reduce((sum, value) => sum + value * value, 0) / output.length
    assert.ok(10 * Math.log10(power / 0.5) < -70, `${f0Hz} Hz leaves ${10 * Math.log10(power / 0.5)} dB`)
  }
})

test('how the input is cut into blocks does not change a sample', () => {
  const samples = Float32Array.from({ length: 5000 }, noise(0.5))
  const whole = resample(samples, 44_100, 16_000, 5000)
  for (const blockLength of [1, 7, 441, 4999]) assert.deepEqual(resample(samples, 44_100, 16_000, blockLength), whole)
})

test('nothing, one sample and a constant are no special cases', () => {
  assert.equal(resample(new Float32Array(0), 44_100, 16_000).length, 0)
  assert.equal(resample(new Float32Array(1), 8000, 16_000).length, 2)
  const constant = resample(new Float32Array(9600).fill(0.25), 48_000, 16_000)
  for (const value of constant.subarray(100, -100)) assert.ok(Math.abs(value - 0.25) < 1e-6)
})
