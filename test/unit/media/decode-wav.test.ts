import assert from 'node:assert/strict'
import { test } from 'node:test'
import { AppError } from '../../../src/domain/errors.ts'
import { createMemorySource } from '../../../src/media/byte-source.ts'
import { decodeWav } from '../../../src/media/decode-wav.ts'
import { sine, soundOf } from '../analysis/signals.ts'
import { chunk, encodeWav, type WavRecipe } from './wav-files.ts'

const tone = soundOf(0.1, 16_000, sine(440, 0.7)).samples

function decode(bytes: Uint8Array, maxDurationS = 60) {
  return decodeWav(createMemorySource(bytes), { maxDurationS, highestRateHz: 16_000 })
}

function codeOf(bytes: Uint8Array): string {
  try {
    decode(bytes)
  } catch (error) {
    assert.ok(error instanceof AppError, String(error))
    assert.match(error.detail, /^[A-Z].+\.$/)
    return error.code
  }
  return 'decoded'
}

function assertTone(samples: Float32Array, tolerance: number, expected = tone): void {
  assert.equal(samples.length, expected.length)
  for (const [i, value] of samples.entries())
    assert.ok(Math.abs(value - expected[i]!) <= tolerance, `sample ${i}: ${value}`)
}

const CODINGS: [NonNullable<WavRecipe['coding']>, string, number][] = [
  ['u8', 'pcm_u8', 2 ** -8],
  ['s16', 'pcm_s16le', 2 ** -16],
  ['s24', 'pcm_s24le', 2 ** -23],
  ['s32', 'pcm_s32le', 2 ** -23],
  ['f32', 'pcm_f32le', 0],
  ['f64', 'pcm_f64le', 0],
  ['mulaw', 'pcm_mulaw', 0.02],
  ['alaw', 'pcm_alaw', 0.02],
]

for (const [coding, codec, tolerance] of CODINGS) {
  for (const extensible of [false, true]) {
    test(`${codec}${extensible ? ' in an extensible head' : ''} is decoded to within its own precision`, () => {
      const recording = decode(encodeWav({ samples: tone, coding, extensible }))
      assertTone(recording.sound.samples, tolerance)
      assert.deepEqual([recording.codec, recording.channels, recording.sampleRateHz], [codec, 1, 16_000])
      assert.deepEqual([recording.damaged, recording.clippingRatio], [false, 0])
    })
  }
}

test('A-law and µ-law give the values of the tables in ITU-T G.711', () => {
  const codes = (tag: 'mulaw' | 'alaw', values: number[]) => {
    const file = encodeWav({ samples: values, coding: tag })
    file.set(values, file.length - values.length)
    return Array.from(decode(file).sound.samples, (value) => Math.round(value * 32_768))
  }
  assert.deepEqual(codes('mulaw', [0x00, 0x80, 0xff, 0x7f, 0x0f, 0xf0]), [-32_124, 32_124, 0, 0, -16_764, 120])
  assert.deepEqual(codes('alaw', [0x2a, 0xaa, 0xd5, 0x55, 0x80, 0x00]), [-32_256, 32_256, 8, -8, 5504, -5504])
})

for (const channels of [2, 3, 8, 255]) {
  test(`${channels} channels are mixed to their mean`, () => {
    const samples = Float32Array.from({ length: 50 * channels }, (_, i) => ((i % channels) / channels) * 0.5)
    const recording = decode(encodeWav({ samples, channels, coding: 'f32' }))
    assert.equal(recording.channels, channels)
    assertTone(recording.sound.samples, 1e-6, new Float32Array(50).fill((0.25 * (channels - 1)) / channels))
  })
}

test('a high rate is brought down, a low one is kept, and the duration stays that of the source', () => {
  const high = decode(encodeWav({ samples: soundOf(0.5, 44_100, sine(300)).samples, sampleRateHz: 44_100 }))
  assert.deepEqual([high.sampleRateHz, high.sound.sampleRateHz, high.sound.samples.length], [44_100, 16_000, 8000])
  assert.equal(high.sound.durationS, 22_050 * (1 / 44_100))
  const low = decode(encodeWav({ samples: new Float32Array(800).fill(0.1), sampleRateHz: 8000 }))
  assert.deepEqual([low.sound.sampleRateHz, low.sound.samples.length], [8000, 800])
})

test('a recording longer than a block is decoded whole', () => {
  const samples = soundOf(11, 16_000, sine(100, 0.3)).samples
  assertTone(decode(encodeWav({ samples, coding: 's32' })).sound.samples, 1e-6, samples)
})

test('unknown chunks, chunks of odd size, and one without its padding are passed over', () => {
  const odd = new Uint8Array([1, 2, 3])
  const file = encodeWav({
    samples: tone,
    before: [
      ['LIST', odd],
      ['JUNK', new Uint8Array(1000)],
      ['\0\0\0\0', odd],
    ],
    after: [['id3 ', new Uint8Array(77)]],
  })
  assertTone(decode(file).sound.samples, 1e-4)
  const unpadded = encodeWav({ samples: tone, before: [['LIST', odd]] })
  const end = unpadded.indexOf('data') - 1
  assertTone(decode(Buffer.concat([unpadded.subarray(0, end), unpadded.subarray(end + 1)])).sound.samples, 1e-4)
})

test('a file that ends early is decoded as far as it goes, and counts as damaged', () => {
  const file = encodeWav({ samples: tone })
  const recording = decode(file.subarray(0, file.length - 1001))
  assertTone(recording.sound.samples, 1e-4, tone.subarray(0, tone.length - 501))
  assert.equal(recording.damaged, true)
})

for (const size of [0, 0xffff_ffff, 0x7fff_f000, 0x8000_0000]) {
  test(`a size of ${size}, as a writer to a pipe leaves it, means: to the end, and no damage`, () => {
    const recording = decode(encodeWav({ samples: tone, declaredDataBytes: size, declaredRiffBytes: size }))
    assertTone(recording.sound.samples, 1e-4)
    assert.equal(recording.damaged, false)
  })
}

test('RF64 takes its size from the chunk ds64', () => {
  const long = Buffer.alloc(28)
  long.writeBigUInt64LE(BigInt(tone.length * 2), 8)
  const recipe: WavRecipe = { samples: tone, before: [['ds64', long]], after: [['LIST', new Uint8Array(100)]] }
  const file = encodeWav({ ...recipe, declaredDataBytes: 0xffff_ffff, declaredRiffBytes: 0xffff_ffff })
  file.write('RF64')
  assertTone(decode(file).sound.samples, 1e-4)
})

test('samples at full scale are counted in every coding, others are not', () => {
  const half = Float32Array.from({ length: 1000 }, (_, i) => (i < 500 ? (i % 2 ? 1 : -1) : 0.9))
  for (const coding of ['u8', 's16', 's24', 's32', 'f32', 'f64', 'alaw', 'mulaw'] as const) {
    assert.equal(decode(encodeWav({ samples: half, coding })).clippingRatio, 0.5, coding)
  }
})

test('values that are no samples count as zero and as damage', () => {
  const samples = [0.1, Number.NaN, Number.POSITIVE_INFINITY, 1e30, -0.1]
  const recording = decode(encodeWav({ samples, coding: 'f32' }))
  assert.deepEqual(
    Array.from(recording.sound.samples, (value) => Math.round(value * 10)),
    [1, 0, 0, 0, -1],
  )
  assert.equal(recording.damaged, true)
})

test('hostile heads end in a sentence, not in a crash', () => {
  const file = encodeWav({ samples: tone })
  const changed = (offset: number, value: number, bytes: 2 | 4) => {
    const copy = Buffer.from(file)
    copy.writeUIntLE(value, offset, bytes)
    return copy
  }
  const cases: [string, Uint8Array, string][] = [
    ['nothing', Buffer.alloc(0), 'recording-undecodable'],
    ['twelve bytes', file.subarray(0, 12), 'recording-undecodable'],
    ['no chunk data', file.subarray(0, 36), 'recording-undecodable'],
    ['no samples', file.subarray(0, 44), 'recording-undecodable'],
    ['half a sample', file.subarray(0, 45), 'recording-undecodable'],
    ['no channels', changed(22, 0, 2), 'recording-undecodable'],
    ['65,535 channels', changed(22, 65_535, 2), 'recording-undecodable'],
    ['no samples per second', changed(24, 0, 4), 'recording-undecodable'],
    ['4 billion samples per second', changed(24, 0xffff_ffff, 4), 'recording-undecodable'],
    ['no bits', changed(34, 0, 2), 'decoded'],
    ['65,535 bits', changed(34, 65_535, 2), 'codec-unsupported'],
    ['a head of 4 GB', changed(16, 0xffff_ffff, 4), 'recording-undecodable'],
    ['a short head', changed(16, 2, 4), 'recording-undecodable'],
    ['ADPCM', changed(20, 2, 2), 'codec-unsupported'],
    ['MP3 in WAV', changed(20, 85, 2), 'codec-unsupported'],
    ['sound before its format', Buffer.concat([file.subarray(0, 12), file.subarray(36)]), 'recording-undecodable'],
    ['a truly empty sound', encodeWav({ samples: [], after: [['LIST', new Uint8Array(50)]] }), 'recording-undecodable'],
    ['another file', Buffer.from('<!doctype html><p>not found'), 'recording-undecodable'],
    ['endless empty chunks', Buffer.concat([file.subarray(0, 36), Buffer.alloc(80_000)]), 'recording-undecodable'],
  ]
  for (const [name, bytes, code] of cases) assert.equal(codeOf(bytes), code, name)
})

test('no file of random bytes behind a WAV head does worse than fail with a sentence', () => {
  let state = 99
  for (let round = 0; round < 500; round++) {
    const bytes = encodeWav({ samples: tone.subarray(0, 50), before: [['JUNK', new Uint8Array(20)]] })
    for (let i = 0; i < 6; i++) {
      state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
      bytes[12 + ((state >>> 8) % 60)] = state & 0xff
    }
    codeOf(bytes)
  }
})

test('a huge declared size allocates nothing', () => {
  const before = process.memoryUsage().arrayBuffers
  const file = encodeWav({ samples: tone, declaredDataBytes: 0x7ffe_0000 })
  assert.equal(decode(file).damaged, true)
  assert.ok(process.memoryUsage().arrayBuffers - before < 16 * 2 ** 20)
})

test('a recording that is too long is refused before it is decoded, with the limit in the sentence', () => {
  const file = encodeWav({ samples: new Float32Array(16_000 * 3) })
  assert.throws(() => decode(file, 2), { code: 'recording-too-long', detail: /longer than 2 seconds/ })
  const memory = createMemorySource(file)
  let readBytes = 0
  const source = {
    size: memory.size,
    read(target: Uint8Array, position: number) {
      readBytes += target.length
      return memory.read(target, position)
    },
  }
  assert.throws(() => decodeWav(source, { maxDurationS: 2, highestRateHz: 16_000 }), { code: 'recording-too-long' })
  assert.ok(readBytes < 200)
})

test('a checkpoint that throws stops the decoding', () => {
  const source = createMemorySource(encodeWav({ samples: tone }))
  const checkpoint = () => {
    throw new Error('stop')
  }
  assert.throws(() => decodeWav(source, { maxDurationS: 60, highestRateHz: 16_000, checkpoint }), /stop/)
})

test('chunks are written as the reader expects them', () => {
  assert.deepEqual([...chunk('abcd', new Uint8Array([7]))], [97, 98, 99, 100, 1, 0, 0, 0, 7, 0])
})
