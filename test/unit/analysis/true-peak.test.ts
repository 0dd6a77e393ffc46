import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createPeakMeter } from '../../../src/analysis/true-peak.ts'
import { noise } from './signals.ts'

function measure(samples: Float32Array, cut: { channels?: number; frames?: number } = {}) {
  const { channels = 1 } = cut
  const { frames = samples.length / channels } = cut
  const meter = createPeakMeter(channels)
  for (let begin = 0; begin < samples.length; begin += frames * channels) {
    const part = samples.subarray(begin, begin + frames * channels)
    meter.push(part, part.length / channels)
  }
  return meter
}

/** A tone with soft edges, so that the edge itself rings no higher. */
function tone(cyclesPerSample: number, phase: number, length = 4000): Float32Array {
  return Float32Array.from({ length }, (_, i) => {
    const edge = Math.min(1, i / 500, (length - i) / 500)
    return 0.5 * edge * Math.sin(2 * Math.PI * cyclesPerSample * i + phase)
  })
}

test('the peak of a tone between its samples is found: those of a quarter of the rate miss it by 3 dB', () => {
  const samples = tone(0.25, Math.PI / 4)
  assert.ok(20 * Math.log10(Math.max(...samples)) < -9)
  assert.ok(Math.abs(measure(samples).truePeakDbtp()! + 6.02) < 0.05)
})

test('tones of other frequencies are within the recommendation, +0.2 and -0.4 dB', () => {
  for (const cycles of [0.01, 0.1, 1 / 6, 0.2, 0.3, 0.35]) {
    for (const phase of [0, 0.3, 0.7, 1.1]) {
      const peak = measure(tone(cycles, phase)).truePeakDbtp()! + 6.0206
      assert.ok(peak < 0.2 && peak > -0.4, `${peak} dB at ${cycles} cycles per sample`)
    }
  }
})

test('how the samples are cut into blocks changes nothing', () => {
  const samples = Float32Array.from({ length: 6000 }, noise(0.7, 5))
  const whole = measure(samples).truePeakDbtp()
  for (const frames of [1, 7, 63, 64, 65, 1000]) assert.equal(measure(samples, { frames }).truePeakDbtp(), whole)
})

test('what is skipped because it is low would not have been higher', () => {
  const samples = Float32Array.from({ length: 4096 }, noise(0.4, 9))
  const alone = measure(samples).truePeakDbtp()!
  const beforeAPeak = Float32Array.from([...samples, ...new Float32Array(300)])
  assert.equal(measure(beforeAPeak).truePeakDbtp(), alone)
  assert.equal(measure(Float32Array.from([...new Float32Array(300), ...samples])).truePeakDbtp(), alone)
})

test('each channel counts by itself, and the highest is the answer', () => {
  const left = tone(0.1, 0)
  const interleaved = Float32Array.from({ length: 8000 }, (_, i) => (i % 2 ? -0.2 * left[i >> 1]! : left[i >> 1]!))
  const stereo = measure(interleaved, { channels: 2, frames: 100 })
  assert.equal(stereo.truePeakDbtp(), measure(left).truePeakDbtp())
  assert.equal(stereo.frames, 4000)
})

test('samples at full scale are counted in all channels', () => {
  const meter = measure(Float32Array.of(1, 0, -1, 0.5, 0.2, 0.9999, 0.1, 0.99), { channels: 2 })
  assert.deepEqual([meter.clippedSamples, meter.clippingRatio], [3, 3 / 8])
})

test('nothing and silence have no peak, a single last sample has one', () => {
  assert.deepEqual([measure(new Float32Array(0)).truePeakDbtp(), createPeakMeter(2).clippingRatio], [null, 0])
  assert.equal(measure(new Float32Array(500)).truePeakDbtp(), null)
  assert.equal(measure(Float32Array.of(0, 0.5)).truePeakDbtp(), 20 * Math.log10(0.5))
})

test('asking in between changes nothing', () => {
  const samples = Float32Array.from({ length: 500 }, noise(0.7, 3))
  const meter = createPeakMeter(1)
  meter.push(samples.subarray(0, 250), 250)
  meter.truePeakDbtp()
  meter.push(samples.subarray(250), 250)
  assert.equal(meter.truePeakDbtp(), measure(samples).truePeakDbtp())
})
