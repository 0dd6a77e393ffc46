import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createResampler, type Resampler } from '../../../src/analysis/resample.ts'
import { createFastResampler } from '../../../src/media/fast-resample.ts'
import { loadFft } from '../../../src/media/fft.ts'

const createFft = await loadFft()

function resample(resampler: Resampler, samples: Float32Array, blockLength: number): number[] {
  const output: number[] = []
  for (let i = 0; i < samples.length; i += blockLength) {
    output.push(...resampler.push(samples.slice(i, i + blockLength)))
  }
  output.push(...resampler.end())
  return output
}

const RATES = [
  [48_000, 16_000],
  [44_100, 16_000],
  [22_050, 16_000],
  [24_000, 16_000],
  [32_000, 16_000],
  [96_000, 48_000],
  [88_200, 48_000],
  [192_000, 16_000],
  [384_000, 16_000],
  [17_000, 16_000],
  [44_101, 16_000],
] as const

for (const [fromHz, toHz] of RATES) {
  test(`${fromHz} to ${toHz} Hz: as the resampler in one step, within −60 dB, however the samples come`, () => {
    const samples = Float32Array.from({ length: Math.round(0.3 * fromHz) }, (_, i) => {
      const timeS = i / fromHz
      return 0.3 * Math.sin(2 * Math.PI * 300 * timeS) + 0.3 * Math.sin(2 * Math.PI * 0.35 * toHz * timeS + 1)
    })
    const expected = resample(createResampler(fromHz, toHz), samples, 1000)
    for (const blockLength of [997, 60_000]) {
      const actual = resample(createFastResampler(fromHz, toHz, createFft), samples, blockLength)
      assert.equal(actual.length, expected.length)
      const most = actual.reduce((max, value, i) => Math.max(max, Math.abs(value - expected[i]!)), 0)
      assert.ok(most < 5e-4, `the largest difference is ${most}`)
    }
  })
}

test('what lies above the new range is gone', () => {
  const tone = Float32Array.from({ length: 48_000 }, (_, i) => Math.sin((2 * Math.PI * 12_000 * i) / 48_000))
  const output = resample(createFastResampler(48_000, 16_000, createFft), tone, 4096).slice(200, -200)
  assert.ok(output.every((value) => Math.abs(value) < 3e-4))
})

test('recordings shorter than the filter keep their length, and none stays none', () => {
  for (const length of [0, 1, 2, 50, 441]) {
    const output = resample(createFastResampler(44_100, 16_000, createFft), new Float32Array(length).fill(0.5), 10)
    assert.equal(output.length, Math.round((length * 16_000) / 44_100))
    assert.ok(output.every(Number.isFinite))
  }
})
