/** Every coding, against what ffmpeg itself decodes and against what was encoded; skipped where ffmpeg is missing. */
import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { type CodedFile, decodeByFfmpeg, makeCodedFiles } from '../../scripts/bench/codings.ts'
import { lagOf, largestDifference, meanOfChannels } from '../../scripts/bench/samples.ts'
import { decodeFile } from '../../src/media/decode.ts'
import { findFfmpeg } from '../../src/media/ffmpeg-tools.ts'
import { loadFft } from '../../src/media/fft.ts'
import { ffmpeg, NO_FFMPEG, SPEECH, THOROUGH, temporaryFolder } from '../support/codecs.ts'

const SECONDS = 1.5
const folder = temporaryFolder()
const createFft = await loadFft()
const options = { maxDurationS: 60, highestRateHz: 16_000, createFft }
const asIs = { ...options, highestRateHz: Number.POSITIVE_INFINITY }

function assertEqualSamples(actual: Float32Array, expected: Float32Array): void {
  assert.equal(actual.length, expected.length)
  const most = largestDifference(actual, expected)
  assert.ok(most <= 1e-6, `the largest difference is ${most}`)
}

/** Mono at the coding's own or a usual rate; stereo where channels may be coded jointly. */
function isTypical({ coding, sampleRateHz, channels }: CodedFile): boolean {
  if (channels === 2) return sampleRateHz === 48_000 && !coding.isLossless
  return sampleRateHz === (coding.ratesHz.includes(44_100) ? 44_100 : coding.ratesHz[0])
}

describe('every coding', { skip: NO_FFMPEG, concurrency: 2 }, () => {
  const files = NO_FFMPEG ? [] : makeCodedFiles(folder, SECONDS).filter((file) => THOROUGH || isTypical(file))
  const paths = files.map(({ path }) => path)
  const references = NO_FFMPEG ? [] : decodeByFfmpeg(folder, paths)
  for (const [i, { coding, sampleRateHz, channels, path, originalPath }] of files.entries()) {
    test(`${coding.name}, ${channels} × ${sampleRateHz} Hz: ffmpeg's samples, at the time they were recorded`, async () => {
      const own = await decodeFile(path, asIs)
      assertEqualSamples(own.sound.samples, meanOfChannels(references[i]!, channels))
      assert.deepEqual(
        [own.codec, own.channels, own.sampleRateHz, own.damaged],
        [coding.codec, channels, sampleRateHz, false],
      )
      const original = await decodeFile(originalPath, asIs)
      if (coding.isLossless) return assertEqualSamples(own.sound.samples, original.sound.samples)
      const [low, lowOriginal] = [await decodeFile(path, options), await decodeFile(originalPath, options)]
      assert.equal(low.sound.sampleRateHz, Math.min(16_000, sampleRateHz))
      const delay = Math.round(((coding.delaySamples ?? 0) * low.sound.sampleRateHz) / sampleRateHz)
      const lag = lagOf(low.sound.samples, lowOriginal.sound.samples)
      assert.ok(Math.abs(lag - delay) <= 1, `${lag} samples late, where ${delay} are known`)
      assert.ok(Math.abs(own.truePeakDbtp! - original.truePeakDbtp!) < 2)
    })
  }
})

describe('video', { skip: NO_FFMPEG }, () => {
  const picture = ['-f', 'lavfi', '-i', 'testsrc=s=64x64:d=1.5:r=10']
  for (const [name, args] of [
    ['clip.mp4', ['-c:v', 'mpeg4', '-c:a', 'aac']],
    ['clip.mov', ['-c:v', 'mpeg4', '-c:a', 'pcm_s16le']],
    ['clip.webm', ['-c:v', 'libvpx', '-c:a', 'libopus']],
  ] as const) {
    test(`${name}: the sound of it is a recording`, async () => {
      const path = join(folder, name)
      ffmpeg([...picture, '-i', SPEECH, '-t', '1.5', ...args, path])
      const { sound, damaged } = await decodeFile(path, options)
      assert.ok(Math.abs(sound.durationS - 1.5) < 0.1)
      assert.equal(damaged, false)
    })
  }

  test('a film without sound is refused in words that say so', async () => {
    const path = join(folder, 'silent.mp4')
    ffmpeg([...picture, '-c:v', 'mpeg4', path])
    await assert.rejects(decodeFile(path, options), { code: 'recording-undecodable', detail: /without an audio track/ })
  })

  test('the picture of a song is left aside', async () => {
    const path = join(folder, 'cover.mp3')
    const cover = join(folder, 'cover.jpg')
    ffmpeg(['-f', 'lavfi', '-i', 'testsrc=s=600x600', '-frames:v', '1', cover])
    ffmpeg(['-i', SPEECH, '-i', cover, '-map', '0', '-map', '1', '-c:v', 'copy', '-t', '1', path])
    const { codec, damaged } = await decodeFile(path, options)
    assert.deepEqual([codec, damaged], ['mp3', false])
  })
})

describe('the length', { skip: NO_FFMPEG }, () => {
  const silence = ['-f', 'lavfi', '-i', 'anullsrc=r=8000:cl=mono', '-t', '90']
  const tools = findFfmpeg()!

  test('that the head tells is enough to refuse: nothing is decoded', async () => {
    for (const name of ['long.flac', 'long.m4a', 'long.ogg', 'long.webm', 'long.mp3']) {
      const path = join(folder, name)
      ffmpeg([...silence, ...(name.endsWith('webm') ? ['-c:a', 'libopus'] : []), path])
      const cannotDecode = { ...tools, ffmpeg: join(folder, 'there-is-no-such-program') }
      await assert.rejects(decodeFile(path, options, cannotDecode), {
        code: 'recording-too-long',
        detail: /60 seconds/,
      })
    }
  })

  test('that the head hides is found while it is decoded', async () => {
    for (const name of ['hidden.aac', 'hidden.live.webm']) {
      const path = join(folder, name)
      ffmpeg([...silence, ...(name.endsWith('webm') ? ['-c:a', 'libopus', '-live', '1'] : []), path])
      await assert.rejects(decodeFile(path, options), { code: 'recording-too-long' })
    }
  })

  test('that is only guessed from the first frames refuses nothing', async () => {
    const path = join(folder, 'guessed.mp3')
    const sound = 'anullsrc=r=44100:cl=mono:d=20[a];anoisesrc=r=44100:d=30:a=0.5[b];[a][b]concat=v=0:a=1'
    ffmpeg(['-filter_complex', sound, '-q:a', '0', '-write_xing', '0', '-id3v2_version', '0', path])
    assert.ok(Math.abs((await decodeFile(path, options)).sound.durationS - 50) < 0.2)
  })

  test('that is exactly the limit is allowed', async () => {
    const path = join(folder, 'exact.flac')
    ffmpeg(['-f', 'lavfi', '-i', 'anullsrc=r=8000:cl=mono', '-t', '60', path])
    assert.equal((await decodeFile(path, options)).sound.durationS, 60)
  })
})

describe('levels', { skip: NO_FFMPEG }, () => {
  test('full scale in one channel is seen before it is mixed with the other', async () => {
    const path = join(folder, 'clipped.flac')
    const loud = "aevalsrc='clip(3*sin(2*PI*300*t),-1,1)|0':s=48000:d=1"
    ffmpeg(['-f', 'lavfi', '-i', loud, '-c:a', 'flac', path])
    const { clippingRatio, truePeakDbtp } = await decodeFile(path, options)
    assert.ok(clippingRatio > 0.3 && clippingRatio < 0.45, `clipping ratio ${clippingRatio}`)
    assert.ok(truePeakDbtp! >= 0)
  })
})

describe('without ffmpeg', () => {
  test('WAV is decoded', async () => {
    assert.equal((await decodeFile(SPEECH, options, null)).codec, 'pcm_s16le')
  })

  test('anything else is refused in words that name ffmpeg', async () => {
    const path = join(folder, 'a.flac')
    writeFileSync(path, `fLaC${'\0'.repeat(100)}`)
    await assert.rejects(decodeFile(path, options, null), { code: 'codec-unsupported', detail: /FLAC.*install ffmpeg/ })
  })

  test('a PATH without it is known', () => {
    assert.equal(findFfmpeg(folder), undefined)
  })
})

test('AMR, as phones record it, is decoded', { skip: NO_FFMPEG }, async () => {
  const path = join(folder, 'silence.amr')
  // Fifty frames of 4.75 kbit/s.
  const frame = Buffer.from([0x04, ...new Array<number>(12).fill(0)])
  writeFileSync(path, Buffer.concat([Buffer.from('#!AMR\n'), ...new Array<Buffer>(50).fill(frame)]))
  const { codec, sound } = await decodeFile(path, options)
  assert.deepEqual([codec, sound.sampleRateHz, sound.durationS], ['amr_nb', 8000, 1])
})
