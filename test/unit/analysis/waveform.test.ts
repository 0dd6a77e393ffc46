import assert from 'node:assert/strict'
import { test } from 'node:test'
import { outline } from '../../../src/analysis/waveform.ts'

test('an outline has the highest swing of each of its stretches, and every sample counts in one', () => {
  const samples = new Float32Array(10_007)
  samples[0] = -0.5
  samples[5000] = 0.25
  samples[10_006] = -1
  const { stepS, peaks } = outline({ samples, durationS: 9 })!
  assert.deepEqual([peaks.length, stepS, peaks[0], peaks[449], peaks[899]], [900, 0.01, 0.5, 0.25, 1])
  assert.equal(
    peaks.reduce((sum, peak) => sum + peak, 0),
    1.75,
  )
})

test('fewer samples have as many stretches, and none has no outline', () => {
  assert.deepEqual(outline({ samples: Float32Array.of(0.5, -0.25), durationS: 1 }), { stepS: 0.5, peaks: [0.5, 0.25] })
  assert.equal(outline({ samples: new Float32Array(0), durationS: 0 }), null)
})
