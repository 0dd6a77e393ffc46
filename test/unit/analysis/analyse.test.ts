import assert from 'node:assert/strict'
import { test } from 'node:test'
import { analyse, type Recording } from '../../../src/analysis/analyse.ts'
import { QUALITY_FLAGS } from '../../../src/analysis/quality.ts'
import { formatResultCsv } from '../../../src/analysis/result-csv.ts'
import { createSound, type Sound } from '../../../src/analysis/sound.ts'
import { quantile, semitonesBetween } from '../../../src/analysis/statistics.ts'
import { type Analysis, toResult } from '../../../src/domain/result.ts'
import { loadFft } from '../../../src/media/fft.ts'
import { glide, noise, sine, soundOf } from './signals.ts'

const createFft = await loadFft()

function recordingOf(sound: Sound, more: Partial<Recording> = {}): Recording {
  const { sampleRateHz } = sound
  const measured = { clippingRatio: 0, truePeakDbtp: null, damaged: false }
  return { sound, codec: 'pcm_s16le', sampleRateHz, channels: 1, ...measured, ...more }
}

function analysisOf(sound: Sound, more: Partial<Recording> = {}): Analysis {
  return analyse(recordingOf(sound, more), { createFft })
}

function flagsOf(sound: Sound, more: Partial<Recording> = {}): readonly string[] {
  return analysisOf(sound, more).quality.flags
}

test('a glide over an octave is described by its median and its 5th to 95th percentile', () => {
  const { pitch, quality, timing } = analysisOf(soundOf(2, 16_000, glide(100, 200, 2)))
  assert.ok(Math.abs(pitch.medianHz! - 150) < 1)
  assert.ok(Math.abs(pitch.rangeSemitones! - semitonesBetween(105, 195)) < 0.3)
  assert.ok(pitch.voicedRatio! > 0.99)
  assert.deepEqual([quality.silenceRatio, quality.flags, timing.pauses], [0, [], []])
  assert.equal(timing.speechS, 2)
})

test('a pause between two words is a pause, silence around them is not', () => {
  const at = (timeS: number) => ((timeS > 0.5 && timeS < 1) || (timeS > 1.4 && timeS < 2) ? sine(150)(timeS) : 0)
  const { timing, quality } = analysisOf(soundOf(2.5, 16_000, at))
  assert.equal(timing.pauses.length, 1)
  assert.ok(Math.abs(timing.pauses[0]!.startS - 1) < 0.03)
  assert.ok(Math.abs(timing.pauses[0]!.endS - 1.4) < 0.03)
  assert.ok(Math.abs(timing.speechS! - 1.1) < 0.1)
  assert.ok(Math.abs(quality.silenceRatio! - (1 - timing.speechS! / 2.5)) < 1e-9)
})

test('what cannot be computed is null, never invented', () => {
  const tiny = analysisOf(createSound(new Float32Array([0.5]), 16_000))
  assert.deepEqual(
    [tiny.intensity, tiny.pitch.medianHz, tiny.pitch.rangeSemitones, tiny.pitch.voicedRatio, tiny.pitch.f0Hz.length],
    [null, null, null, null, 0],
  )
  assert.deepEqual(tiny.timing, { speechS: null, pauses: [], nucleiS: null })
  assert.equal(tiny.quality.silenceRatio, null)
  const silent = analysisOf(soundOf(1, 16_000, () => 0))
  assert.deepEqual([silent.pitch.medianHz, silent.pitch.rangeSemitones, silent.pitch.voicedRatio], [null, null, 0])
  assert.deepEqual([silent.quality.silenceRatio, silent.timing.speechS], [1, 0])
  const brief = analysisOf(soundOf(0.15, 16_000, sine(200)))
  assert.ok(Math.abs(brief.pitch.medianHz! - 200) < 0.1)
  assert.equal(brief.pitch.rangeSemitones, null)
})

test('each fault of a recording has its flag, and each flag a sentence', () => {
  const speech = soundOf(1, 16_000, glide(120, 180, 1))
  assert.deepEqual(flagsOf(speech), [])
  assert.deepEqual(flagsOf(speech, { clippingRatio: 0.01 }), ['clipping'])
  assert.deepEqual(flagsOf(speech, { damaged: true }), ['damaged'])
  assert.deepEqual(flagsOf(soundOf(1, 16_000, sine(150, 0.001))), ['too-quiet'])
  assert.deepEqual(flagsOf(soundOf(1, 16_000, () => 0)), ['too-quiet', 'mostly-silence'])
  assert.deepEqual(flagsOf(soundOf(0.1, 16_000, sine(150))), ['too-short'])
  const inNoise = (amplitude: number) => {
    const hiss = noise(amplitude)
    return soundOf(2, 16_000, (timeS) => (timeS % 1 < 0.6 ? glide(120, 180, 2)(timeS) : 0) + hiss())
  }
  assert.deepEqual(flagsOf(inNoise(0.15)), ['too-noisy'])
  assert.deepEqual(flagsOf(inNoise(0.01)), [])
  const lateWord = soundOf(4, 16_000, (timeS) => (timeS > 3.4 ? sine(150)(timeS) : 0))
  assert.deepEqual(flagsOf(lateWord), ['mostly-silence'])
  const hiss = noise(0.1)
  assert.deepEqual(flagsOf(soundOf(2, 16_000, () => hiss())), ['no-voice'])
  for (const sentence of Object.values(QUALITY_FLAGS)) assert.match(sentence, /^[A-Z].+\.$/)
})

test('voice over noise is measured where there is both', () => {
  const hiss = noise(0.01 * Math.sqrt(3))
  const at = (timeS: number) => (timeS > 0.5 && timeS < 1.5 ? sine(150, 0.1 * Math.SQRT2)(timeS) : 0) + hiss()
  const { quality } = analysisOf(soundOf(2, 16_000, at))
  assert.ok(Math.abs(quality.signalToNoiseDb! - 20) < 1, `${quality.signalToNoiseDb} dB`)
  assert.equal(analysisOf(soundOf(2, 16_000, noise(0.1))).quality.signalToNoiseDb, null)
  assert.equal(analysisOf(soundOf(2, 16_000, sine(150))).quality.signalToNoiseDb, null)
  const gated = soundOf(2, 16_000, (timeS) => (timeS < 1 ? sine(150)(timeS) : 0))
  assert.equal(analysisOf(gated).quality.signalToNoiseDb, 100)
})

test('the wire result says how loud and how fast, and what to do about each fault', () => {
  const at = (timeS: number) => Math.sin(Math.PI * 4 * timeS) ** 2 * glide(140, 120, 2)(timeS)
  const analysis = analysisOf(soundOf(2, 48_000, at), { truePeakDbtp: -3.456, clippingRatio: 0.5 })
  const { loudness, timing, quality } = toResult({ jobId: null, tokenId: null }, analysis)
  assert.equal(loudness.true_peak_dbtp, -3.46)
  assert.ok(loudness.integrated_lufs! < -10 && loudness.integrated_lufs! > -40)
  assert.deepEqual([timing.syllables, timing.syllables_per_s], [8, 4])
  assert.ok(Math.abs(timing.articulation_rate! - 8 / timing.speech_s!) < 1e-3)
  assert.deepEqual([quality.flags, quality.advice], [['clipping'], [QUALITY_FLAGS.clipping]])
})

test('no figure is NaN or infinite, whatever the recording holds', () => {
  const sounds = [
    new Float32Array(0),
    new Float32Array(1),
    new Float32Array(700),
    Float32Array.from({ length: 16_000 }, noise(1)),
    new Float32Array(8000).fill(1),
    Float32Array.from({ length: 8000 }, (_, i) => (i % 2 ? 1 : -1)),
    Float32Array.from({ length: 8000 }, (_, i) => (i === 0 ? 1e6 : 1e-30 * (i % 50))),
  ]
  for (const samples of sounds) {
    const text = JSON.stringify(analysisOf(createSound(samples, 16_000)), (_, value) =>
      typeof value === 'number' && !Number.isFinite(value) ? 'not finite' : value,
    )
    assert.doesNotMatch(text, /not finite/)
  }
})

test('progress rises from 0 to 1, and an abort check that throws ends the analysis', () => {
  const recording = recordingOf(soundOf(5, 16_000, sine(200)))
  const shares: number[] = []
  analyse(recording, { createFft, onProgress: (share) => shares.push(share) })
  assert.deepEqual(
    shares,
    shares.toSorted((a, b) => a - b),
  )
  assert.equal(shares.at(-1), 1)
  const checkAborted = () => {
    throw new Error('cancelled')
  }
  assert.throws(() => analyse(recording, { createFft, checkAborted }), /cancelled/)
})

test('CSV has a row per pitch frame, empty where unvoiced and where intensity is not known', () => {
  const analysis = analysisOf(soundOf(0.3, 16_000, (timeS) => (timeS < 0.15 ? sine(200)(timeS) : 0)))
  const csv = formatResultCsv(toResult({ jobId: null, tokenId: null }, analysis))
  const lines = csv.trimEnd().split('\n')
  assert.equal(lines[0], 'time_s,f0_hz,intensity_db')
  assert.equal(lines.length, analysis.pitch.f0Hz.length + 1)
  assert.match(lines[1]!, /^0\.020000,\d+\.\d{5},$/)
  assert.match(lines[5]!, /^0\.060000,\d+\.\d{5},\d+\.\d{3}$/)
  assert.match(lines.at(-3)!, /^0\.\d{6},,-?\d+\.\d{3}$/)
})

test('a quantile lies between its neighbours, and nothing has none', () => {
  assert.equal(quantile(new Float64Array(0), 0.5), null)
  assert.equal(quantile(Float64Array.of(3), 0.05), 3)
  assert.equal(quantile(Float64Array.of(4, 1, 3, 2), 0.5), 2.5)
  assert.equal(quantile(Float64Array.of(0, 10, 20), 0.95), 19)
})
