import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createAutocorrelation, hanningWindow } from '../../../src/analysis/autocorrelation.ts'
import { fftSize } from '../../../src/analysis/fft.ts'
import { loadFft } from '../../../src/media/fft.ts'
import { noise } from './signals.ts'

const createFft = await loadFft()

test('a transform size is the smallest product of 2, 3 and 5 that holds the data', () => {
  assert.deepEqual([1, 32, 33, 100, 957, 1025, 2646].map(fftSize), [32, 32, 64, 128, 960, 1152, 2880])
})

test('a spectrum is that of the definition, in the promised order', () => {
  const size = 96
  const next = noise(1)
  const samples = Array.from({ length: size }, next)
  const fft = createFft(size)
  fft.data.set(samples)
  fft.forward()
  const part = (k: number, of: (angle: number) => number) =>
    samples.reduce((sum, value, i) => sum + value * of((-2 * Math.PI * k * i) / size), 0)
  assert.ok(Math.abs(fft.data[0]! - part(0, Math.cos)) < 1e-4)
  assert.ok(Math.abs(fft.data[1]! - part(size / 2, Math.cos)) < 1e-4)
  for (let k = 1; k < size / 2; k++) {
    assert.ok(Math.abs(fft.data[2 * k]! - part(k, Math.cos)) < 1e-4)
    assert.ok(Math.abs(fft.data[2 * k + 1]! - part(k, Math.sin)) < 1e-4)
  }
  fft.inverse()
  for (const [i, value] of samples.entries()) assert.ok(Math.abs(fft.data[i]! / size - value) < 1e-6)
})

test('a transform keeps working after many others were made', () => {
  const fft = createFft(960)
  for (let size = 32; size <= 1 << 17; size *= 2) createFft(size)
  fft.data.fill(1)
  fft.forward()
  assert.equal(fft.data[0], 960)
  assert.equal(createFft(960), fft)
})

test('a size that cannot be transformed is refused', () => {
  assert.throws(() => createFft(7), RangeError)
})

test('autocorrelation is that of the definition in 64 bits', () => {
  const window = hanningWindow(100)
  const samples = Float32Array.from({ length: 140 }, noise(1, 9))
  const values = createAutocorrelation(window, 50, createFft).compute(samples, 20, 0.1, 1)!
  const frame = window.map((weight, i) => (samples[20 + i]! - 0.1) * weight)
  const at = (data: Float64Array, lag: number) =>
    data.reduce((sum, value, i) => sum + (i >= lag ? value * data[i - lag]! : 0), 0)
  for (let lag = 0; lag <= 50; lag++) {
    const expected = at(frame, lag) / at(frame, 0) / (at(window, lag) / at(window, 0))
    assert.ok(Math.abs(values[50 + lag]! - expected) < 1e-5)
    assert.equal(values[50 - lag], values[50 + lag])
  }
})
