/** Damaged and hostile files: whatever is in them, the outcome is a recording or a final error with a sentence. */
import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { type Damaged, damage } from '../../scripts/bench/damage.ts'
import { AppError, isFinal } from '../../src/domain/errors.ts'
import { decodeFile } from '../../src/media/decode.ts'
import { findFfmpeg } from '../../src/media/ffmpeg-tools.ts'
import { loadFft } from '../../src/media/fft.ts'
import { ffmpeg, NO_FFMPEG, SPEECH, THOROUGH, temporaryFolder } from '../support/codecs.ts'
import { encodeWav } from '../unit/media/wav-files.ts'

const folder = temporaryFolder()
const options = { maxDurationS: 30, highestRateHz: 16_000, createFft: await loadFft() }
const LONGEST_MS = 30_000
let written = 0

/** `saved` when there is sound, else the error's code; throws for what must not be. */
async function outcomeOf({ name, bytes }: Damaged): Promise<string> {
  const path = join(folder, `damaged-${++written}`)
  writeFileSync(path, bytes)
  const begin = performance.now()
  try {
    const { sound, clippingRatio, truePeakDbtp, damaged } = await decodeFile(path, options)
    assert.ok(sound.samples.length > 0 && sound.durationS > 0 && sound.durationS <= options.maxDurationS, name)
    assert.ok(sound.samples.every(Number.isFinite), `${name}: a sample is no number`)
    assert.ok(clippingRatio >= 0 && clippingRatio <= 1 && !Number.isNaN(truePeakDbtp), name)
    return damaged ? 'damaged' : 'whole'
  } catch (error) {
    assert.ok(error instanceof AppError && isFinal(error), `${name}: ${error}`)
    return error.code
  } finally {
    assert.ok(performance.now() - begin < LONGEST_MS, `${name} took too long`)
  }
}

const CODINGS: readonly (readonly [extension: string, ...args: string[]])[] = [
  ['mp3', '-b:a', '64k'],
  ['flac'],
  ['ogg', '-c:a', 'libvorbis', '-page_duration', '100000'],
  ['opus', '-c:a', 'libopus', '-page_duration', '100000'],
  ['webm', '-c:a', 'libopus'],
  ['m4a', '-c:a', 'aac'],
  ['start.m4a', '-c:a', 'aac', '-movflags', '+faststart'],
  ['frag.mp4', '-c:a', 'aac', '-movflags', 'frag_keyframe+empty_moov', '-frag_duration', '100000'],
  ['aac', '-c:a', 'aac'],
  ['alac.m4a', '-c:a', 'alac'],
  ['aiff'],
  ['adpcm.wav', '-c:a', 'adpcm_ms'],
]
/** Those that can be read from their beginning on, so that half a file is half a recording. */
const READ_IN_ORDER = new Set(['mp3', 'flac', 'ogg', 'opus', 'webm', 'start.m4a', 'frag.mp4', 'aac', 'aiff'])
/** Those that say in their head how long they are. */
const KNOWS_ITS_LENGTH = new Set(['mp3', 'flac', 'webm', 'start.m4a', 'aiff'])

describe('every damage of every coding has an outcome', { skip: NO_FFMPEG, concurrency: 3 }, () => {
  for (const [seed, [extension, ...args]] of CODINGS.entries()) {
    test(extension, async () => {
      const path = join(folder, `whole.${extension}`)
      ffmpeg(['-i', SPEECH, '-t', '1.2', ...args, path])
      const cases = damage(extension, readFileSync(path), seed + 1)
      assert.equal(cases.length, 13)
      const outcomes = new Map<string, string>()
      for (const [i, each] of cases.entries()) {
        const isCut = / cut at (0\.5|60) %/.test(each.name)
        if (THOROUGH || isCut || (i + seed) % 4 === 0) outcomes.set(each.name, await outcomeOf(each))
      }
      const half = outcomes.get(`${extension}, cut at 60 %`)
      if (READ_IN_ORDER.has(extension)) assert.match(half!, /^(damaged|whole)$/)
      if (KNOWS_ITS_LENGTH.has(extension)) assert.equal(half, 'damaged')
      assert.match(outcomes.get(`${extension}, cut at 0.5 %`)!, /^(recording-undecodable|damaged)$/)
    })
  }
})

test('every damage of a plain WAV file has an outcome', async () => {
  for (const coding of ['u8', 's16', 's24', 'f32', 'f64', 'mulaw'] as const) {
    const whole = encodeWav({ samples: Array.from({ length: 8000 }, (_, i) => Math.sin(i / 20)), coding })
    for (const each of damage(coding, whole, whole.length)) await outcomeOf(each)
  }
})

test('what is no recording is undecodable, whatever it is called', async () => {
  const texts = ['', ' ', 'hello', '<html></html>', '<svg xmlns="http://www.w3.org/2000/svg"/>', '{"a":1}', '%PDF-1.7']
  const binaries = [Buffer.alloc(5000), Buffer.alloc(5000, 0xff), Buffer.from('PK\x03\x04'), Buffer.from('ID3')]
  for (const bytes of [...texts.map((text) => Buffer.from(text)), ...binaries]) {
    assert.equal(await outcomeOf({ name: bytes.toString('latin1', 0, 20), bytes }), 'recording-undecodable')
  }
})

describe('sounds at the edge of what is sound', { skip: NO_FFMPEG }, () => {
  const sources = {
    silence: 'anullsrc=r=44100:cl=mono:d=1',
    'a constant': 'aevalsrc=0.9:s=44100:d=1',
    'noise of full scale': 'anoisesrc=r=44100:a=1:d=1',
    'a square of full scale': "aevalsrc='sgn(sin(2*PI*100*t))':s=44100:d=1",
    'a click': 'aevalsrc=0.5:s=44100:d=0.005',
  }
  for (const [name, source] of Object.entries(sources)) {
    for (const extension of ['flac', 'mp3', 'm4a']) {
      test(`${name} as ${extension}`, async () => {
        const path = join(folder, `edge-${++written}.${extension}`)
        ffmpeg(['-f', 'lavfi', '-i', source, path])
        assert.equal(await outcomeOf({ name, bytes: readFileSync(path) }), 'whole')
      })
    }
  }
})

describe('a length that a damaged head invents', { skip: NO_FFMPEG }, () => {
  test('is not believed: what is there is decoded', async () => {
    const path = join(folder, 'inventive.flac')
    ffmpeg(['-i', SPEECH, '-t', '1', '-ar', '8000', path])
    const bytes = Buffer.from(readFileSync(path))
    // STREAMINFO: the lower 32 of 36 bits of the number of samples.
    bytes.writeUInt32BE(0xffff_fff0, 22)
    assert.equal(await outcomeOf({ name: 'inventive', bytes }), 'damaged')
  })

  test('the tools that read it are those of this machine', () => assert.ok(findFfmpeg()))
})
